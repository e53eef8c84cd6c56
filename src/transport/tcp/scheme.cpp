// SPDX-License-Identifier: Apache-2.0
// tcp as a transport of the registry.
#include <algorithm>
#include <asio/ip/address.hpp>
#include <chrono>
#include <utility>

#include "transport/address_ranks.hpp"
#include "transport/registry.hpp"
#include "transport/resolver.hpp"
#include "transport/socket_arrival.hpp"
#include "transport/tcp/dial.hpp"
#include "transport/tcp/form.hpp"
#include "transport/tcp/standing.hpp"

namespace rendr::transport {

namespace {

// What is away for long is asked for ever more seldom: so may its name be.
constexpr duration youngest_name = std::chrono::seconds(1);
constexpr duration oldest_name = std::chrono::seconds(30);
constexpr int name_share = 8;

duration name_age(duration away) {
  return std::clamp<duration>(away / name_share, youngest_name, oldest_name);
}

/// Whether nobody but this machine can answer there.
bool surely_loopback(const std::string& host) {
  if (host == "localhost" || host == "ip6-localhost") return true;
  std::error_code not_literal;
  const auto address = asio::ip::make_address(host, not_literal);
  return !not_literal && is_loopback(address);
}

class tcp_aim final : public target {
 public:
  tcp_aim(asio::any_io_executor executor, resolver& names, path_spec at)
      : executor_(std::move(executor)), names_(names), at_(std::move(at)) {}

  std::unique_ptr<dial> start(const dial_terms& terms, dial_handler done) override {
    tcp_target to;
    to.host = at_.host;
    to.port = at_.port;
    to.options = {at_.bind, at_.device, at_.mark, at_.cc};
    to.ranks = ranks_;
    to.name_age = name_age(terms.away);
    to.off_loopback = terms.off_loopback;
    return dial_tcp(executor_, names_, std::move(to), terms.timeout,
                    [done = std::move(done)](opened result, const auto& /*address*/) {
                      done(std::move(result));
                    });
  }

 private:
  asio::any_io_executor executor_;
  resolver& names_;
  const path_spec at_;
  const std::shared_ptr<address_ranks> ranks_ = std::make_shared<address_ranks>();
};

class tcp_dialer final : public dialer {
 public:
  explicit tcp_dialer(const asio::any_io_executor& executor)
      : executor_(executor), names_(executor) {}
  std::unique_ptr<target> aim(const path_spec& at) override {
    return std::make_unique<tcp_aim>(executor_, names_, at);
  }
  void network_changed() override { names_.network_changed(); }

 private:
  asio::any_io_executor executor_;
  resolver names_;
};

class tcp_listening final : public listening {
 public:
  explicit tcp_listening(std::unique_ptr<standing_listener> standing)
      : standing_(std::move(standing)) {}

 private:
  std::unique_ptr<standing_listener> standing_;
};

class tcp_place final : public place {
 public:
  tcp_place(listen_place where, resolved found)
      : where_(std::move(where)), found_(std::move(found)) {}

  std::unique_ptr<listening> listen(const asio::any_io_executor& executor,
                                    const listen_terms& terms, listen_handlers to,
                                    failure& why) override {
    where_.backlog = terms.backlog;
    standing_listener::handlers handlers;
    handlers.on_accept = [executor, take = std::move(to.on_arrival)](unique_fd fd) {
      take(socket_arrival(executor, std::move(fd), adopt_tcp));
    };
    handlers.forbids = [open = terms.off_loopback](const asio::ip::tcp::endpoint& address) {
      if (open || is_loopback(address.address())) return step_failure{};
      auto refused = not_on_loopback(to_text(address));
      return step_failure{refused.code, std::move(refused.detail)};
    };
    handlers.tell = std::move(to.tell);
    if (to.bound)
      handlers.bound = [told = std::move(to.bound)](const auto& endpoints) {
        std::vector<bound_address> now;
        now.reserve(endpoints.size());
        for (const auto& one : endpoints) now.push_back({to_text(one), one.port()});
        told(now);
      };
    step_failure failed;
    auto standing = standing_listener::open(executor, where_, found_, std::move(handlers), failed);
    if (standing) return std::make_unique<tcp_listening>(std::move(standing));
    why = {failed.code, failed.detail};
    return nullptr;
  }

 private:
  listen_place where_;
  const resolved found_;
};

/// `*` stands for every address, as nothing does.
listen_place place_of(const path_spec& at) {
  listen_place where{at.host == "*" ? std::string() : at.host, at.port, {}, 0};
  where.options.device = at.device;
  where.options.congestion = at.cc;
  return where;
}

class tcp_scheme final : public scheme {
 public:
  const path_form& form() const override { return form_; }
  std::string elsewhere(const path_spec& path) const override {
    return surely_loopback(path.host) ? std::string() : path.host;
  }
  std::unique_ptr<dialer> make_dialer(const asio::any_io_executor& executor) const override {
    return std::make_unique<tcp_dialer>(executor);
  }
  bool finding_waits(const path_spec& at) const override {
    std::error_code not_literal;
    asio::ip::make_address(place_of(at).host, not_literal);
    return static_cast<bool>(not_literal);
  }
  std::unique_ptr<place> find_place(const path_spec& at) const override {
    auto where = place_of(at);
    auto found = addresses_of(where);
    return std::make_unique<tcp_place>(std::move(where), std::move(found));
  }

 private:
  tcp_form form_;
};

}  // namespace

std::shared_ptr<const scheme> make_scheme_tcp() { return std::make_shared<tcp_scheme>(); }

}  // namespace rendr::transport
