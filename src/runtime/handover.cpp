// SPDX-License-Identifier: Apache-2.0
#include "runtime/handover.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <span>
#include <utility>

#include "engine/endpoint.hpp"
#include "runtime/loop.hpp"
#include "runtime/runtime_core.hpp"
#include "transport/tcp/socket.hpp"
#include "wire/record.hpp"

namespace rendr::detail {

struct handover::waiting {
  waiting(const asio::any_io_executor& executor, std::string from, bool take_plaintext)
      : descriptor(executor), limit(executor), source(std::move(from)), plaintext(take_plaintext) {}
  asio::posix::stream_descriptor descriptor;
  asio::steady_timer limit;
  const std::string source;
  const bool plaintext;
};

namespace {

std::string source_of(int fd) {
  asio::ip::tcp::endpoint remote;
  auto size = static_cast<socklen_t>(remote.capacity());
  if (::getpeername(fd, remote.data(), &size) != 0) return {};
  remote.resize(size);
  return engine::source_key(transport::to_text(remote));
}

/// Readiness means that the whole prologue is there (or the end).
void wake_at(int fd, int bytes) { ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes); }

}  // namespace

void accept_on(loop& to, transport::unique_fd fd, bool plaintext) {
  auto shared = std::make_shared<transport::unique_fd>(std::move(fd));
  to.dispatch([home = to.shared_from_this(), shared, plaintext] {
    if (home->ended()) return;
    auto opened = transport::adopt_tcp(home->executor(), std::move(*shared));
    opened.traits.take_plaintext = plaintext;
    home->accept(std::move(opened));
  });
}

void handover::take(transport::unique_fd fd, bool plaintext) {
  if (closed_) return;
  auto& first = *owner_.loops.front();
  if (owner_.loops.size() == 1) return accept_on(first, std::move(fd), plaintext);
  if (waiting_.size() >= owner_.options.handshakes) evict();
  wake_at(fd.get(), static_cast<int>(wire::prologue_size));
  auto one = std::make_shared<waiting>(first.executor(), source_of(fd.get()), plaintext);
  std::error_code code;
  one->descriptor.assign(fd.get(), code);
  if (code) return;
  fd.release();
  sources_.add(one->source);
  waiting_.push_back(one);
  one->limit.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(
      engine::defaults::handshake_timeout));
  one->limit.async_wait([weak = weak_from_this(), one](const std::error_code& failed) {
    if (const auto self = weak.lock(); self && !failed) self->drop(one);
  });
  one->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                             [weak = weak_from_this(), one](const std::error_code& failed) {
                               if (const auto self = weak.lock(); self && !failed) self->look(one);
                             });
}

void handover::forget(const std::shared_ptr<waiting>& one) {
  if (std::erase(waiting_, one) != 0) sources_.remove(one->source);
  one->limit.cancel();
}

void handover::drop(const std::shared_ptr<waiting>& one) {
  forget(one);
  std::error_code ignored;
  one->descriptor.close(ignored);
}

void handover::evict() {
  const auto most = sources_.most();
  const auto oldest = *std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& one) {
    return sources_.count(one->source) == most;
  });
  drop(oldest);
}

void handover::look(const std::shared_ptr<waiting>& one) {
  std::array<std::byte, wire::prologue_size> head{};
  const auto n =
      ::recv(one->descriptor.native_handle(), head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
  auto* to = owner_.loops.front().get();
  if (n > 0) {
    const auto prologue =
        wire::read_prologue(std::span<const std::byte>(head).first(static_cast<std::size_t>(n)));
    if (prologue && *prologue) {
      const auto index = owner_.mint->loop_of((*prologue)->token);
      to = index && *index < owner_.loops.size() ? owner_.loops[*index].get()
                                                 : &owner_.least_loaded();
    }
  }
  give(one, *to);
}

void handover::give(const std::shared_ptr<waiting>& one, loop& to) {
  forget(one);
  transport::unique_fd fd(one->descriptor.release());
  wake_at(fd.get(), 1);
  accept_on(to, std::move(fd), one->plaintext);
}

void handover::close() {
  closed_ = true;
  while (!waiting_.empty()) drop(std::shared_ptr(waiting_.front()));
}

}  // namespace rendr::detail
