// SPDX-License-Identifier: Apache-2.0
#include "transport/resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>

namespace rendr::transport {

namespace {

std::error_code code_of(int gai) {
  switch (gai) {
    case EAI_SYSTEM:
      return {errno, std::system_category()};
    case EAI_AGAIN:
      return asio::error::host_not_found_try_again;
    case EAI_MEMORY:
      return std::make_error_code(std::errc::not_enough_memory);
    default:
      return asio::error::host_not_found;
  }
}

std::vector<asio::ip::tcp::endpoint> take_turns(const std::vector<asio::ip::tcp::endpoint>& all) {
  std::vector<asio::ip::tcp::endpoint> first;
  std::vector<asio::ip::tcp::endpoint> second;
  for (const auto& endpoint : all)
    (endpoint.protocol() == all.front().protocol() ? first : second).push_back(endpoint);
  std::vector<asio::ip::tcp::endpoint> result;
  for (std::size_t i = 0; i < first.size() || i < second.size(); ++i) {
    if (i < first.size()) result.push_back(first[i]);
    if (i < second.size()) result.push_back(second[i]);
  }
  return result;
}

}  // namespace

resolved resolve_blocking(const std::string& host, std::uint16_t port, bool passive) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  addrinfo* list = nullptr;
  resolved result;
  const int gai = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(),
                                &hints, &list);
  if (gai != 0) {
    result.code = code_of(gai);
    result.detail = "resolve '" + host + "': " +
                    (gai == EAI_SYSTEM ? result.code.message() : std::string(::gai_strerror(gai)));
    return result;
  }
  std::vector<asio::ip::tcp::endpoint> all;
  for (const auto* at = list; at != nullptr; at = at->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    all.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  if (!all.empty()) result.addresses = take_turns(all);
  if (all.empty()) {
    result.code = asio::error::host_not_found;
    result.detail = "resolve '" + host + "': it has no address";
  }
  return result;
}

resolver::resolver(const asio::any_io_executor& executor)
    : executor_(executor),
      waiting_(std::make_shared<std::map<std::string, std::vector<waiter>>>()),
      threads_(executor, 8) {}

void resolver::resolve(const std::string& host, std::uint16_t port, std::weak_ptr<void> owner,
                       handler done) {
  auto& waiters = (*waiting_)[host];
  waiters.push_back({std::move(owner), port, std::move(done)});
  if (waiters.size() > 1) return;
  const auto conclude = [this, alive = std::weak_ptr<void>(waiting_),
                         host](const resolved& answer) {
    if (alive.lock()) finish(host, answer);
  };
  const bool started = threads_.run([host, conclude]() -> side_threads::conclusion {
    return [conclude, answer = resolve_blocking(host, 0)] { conclude(answer); };
  });
  if (started) return;
  resolved busy;
  busy.code = std::make_error_code(std::errc::resource_unavailable_try_again);
  busy.detail = "resolve '" + host + "': too many names are being resolved";
  asio::post(executor_, [conclude, busy] { conclude(busy); });
}

void resolver::finish(const std::string& host, const resolved& answer) {
  const auto found = waiting_->find(host);
  if (found == waiting_->end()) return;
  const auto waiters = std::move(found->second);
  waiting_->erase(found);
  for (const auto& one : waiters) {
    if (!one.owner.lock()) continue;
    auto own = answer;
    for (auto& endpoint : own.addresses) endpoint.port(one.port);
    one.done(own);
  }
}

}  // namespace rendr::transport
