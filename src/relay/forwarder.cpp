// SPDX-License-Identifier: Apache-2.0
#include "relay/forwarder.hpp"

#include <sys/socket.h>

#include <asio/any_io_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <deque>
#include <future>
#include <set>
#include <utility>

#include "relay/asio_code.hpp"
#include "relay/bridge.hpp"
#include "relay/codes.hpp"
#include "relay/descriptors.hpp"
#include "relay/proxy_protocol.hpp"
#include "relay/socket_end.hpp"
#include "transport/tcp/standing.hpp"
#include "wire/metadata.hpp"

namespace rendr::relay {

using asio::ip::tcp;
using namespace std::chrono_literals;

std::vector<std::byte> target_metadata(std::string_view name) {
  std::vector<std::byte> metadata;
  if (!name.empty()) {
    wire::append_metadata(metadata, wire::metadata_type::target, as_bytes(name));
  }
  return metadata;
}

namespace {

constexpr auto accept_pause = 100ms;  // out of descriptors: others must end first
constexpr std::size_t waiting_at_most = 64;
constexpr auto redial_pause = 1s;  // a link that is refused at once must not be dialled in a spin

/// A connection that was accepted, and its address on this side.
struct accepted {
  accepted(const asio::any_io_executor& loop, transport::unique_fd fd) : socket(loop) {
    auto size = static_cast<socklen_t>(local.capacity());
    if (::getsockname(fd.get(), local.data(), &size) != 0) return;
    std::error_code failed;
    socket.assign(local.protocol(), fd.get(), failed);
    if (!failed) fd.release();
  }

  tcp::socket socket;
  tcp::endpoint local;
};

/// The current link of one loop. Everything happens on that loop.
class lane : public std::enable_shared_from_this<lane> {
 public:
  lane(runtime& on, const forwarder_options& options, unsigned loop)
      : runtime_(on),
        options_(options),
        loop_(loop),
        link_(on),
        metadata_(target_metadata(options.target)) {}

  /// The first dial; not on a loop thread. `executor` and `carry` may be used after it.
  failure begin() {
    link fresh(runtime_);
    if (auto why = start(fresh); why.code) return why;
    executor_ = fresh.get_executor();
    asio::post(executor_, [self = shared_from_this(), fresh]() mutable {
      self->link_ = std::move(fresh);
      self->ready_ = true;
      if (self->lost_early_) return self->redial();
      if (self->up_early_) self->ask_for_target();
    });
    return {};
  }

  const asio::any_io_executor& executor() const { return executor_; }

  void carry(transport::unique_fd fd) {
    accepted one(executor_, std::move(fd));
    if (options_.refuse_when_dark && living_.empty()) {
      const std::string text = "a connection was refused: no path to the server lives";
      log(severity::warn, text, text);
      return reset_socket(one.socket);
    }
    waiting_.push_back(
        {std::move(one), std::chrono::steady_clock::now() + options_.connect_timeout});
    if (waiting_.size() == 1) open_waiting();
    full_ = waiting_.size() >= waiting_at_most;
  }

  /// Whether so many connections wait that the next ones should wait in the kernel.
  bool full() const noexcept { return full_; }

  void stop() {
    stopped_ = true;
    retry_.reset();
    turn_.reset();
    for (auto& one : waiting_) reset_socket(one.from.socket);
    waiting_.clear();
    link_ = link();
  }

 private:
  struct waiting {
    accepted from;
    std::chrono::steady_clock::time_point until;
  };

  /// Begins the connections that wait, in their order. Where there are no more flows or no more
  /// memory, each has its turn as others end.
  void open_waiting() {
    if (useless_) return;  // `redial` comes soon
    while (!waiting_.empty()) {
      auto& next = waiting_.front();
      const auto why = open(next.from);
      if (why.code == errc::limit_reached && std::chrono::steady_clock::now() < next.until) break;
      if (why.code) {
        const auto text = "a connection was reset: " + why.detail;
        log(severity::warn, text, text);
        reset_socket(next.from.socket);
      }
      waiting_.pop_front();
    }
    full_ = waiting_.size() >= waiting_at_most;
    if (waiting_.empty()) return turn_.reset();
    const std::string text = "connections wait: the limit of flows or of memory (--memory) is met";
    log(severity::warn, text, text);
    turn_ = std::make_unique<asio::steady_timer>(executor_, accept_pause);
    turn_->async_wait([self = shared_from_this()](std::error_code code) {
      if (!code) self->open_waiting();
    });
  }

  /// Takes the socket unless it fails.
  failure open(accepted& one) {
    failure why;
    auto metadata = metadata_;
    if (const auto from = origin_of(one.socket, one.local)) append_origin(metadata, *from);
    open_options chosen;
    chosen.metadata = metadata;
    auto flow = link_.open_stream(chosen, why);
    if (why.code) return why;
    auto joined = std::make_shared<bridge>(
        std::make_unique<socket_end>(std::move(one.socket)), std::move(flow),
        [self = shared_from_this(), keeps = link_](const bridge_result& result) {
          self->ended(result);
        });
    joined->read_at_once();  // what a client said already travels with the opening of its flow
    joined->start(options_.connect_timeout);
    return {};
  }

  void note(const events::path_changed& path) {
    const bool lives = path.to == path_phase::active || path.to == path_phase::standby ||
                       path.to == path_phase::late;
    if (lives) {
      living_.insert(path.path);
    } else {
      living_.erase(path.path);
    }
  }

  failure start(link& fresh) {
    link_options chosen = options_.link;
    chosen.loop = loop_;
    const auto generation = ++generation_;
    living_.clear();
    chosen.on_event = [weak = weak_from_this(), generation](const link_event& event) {
      if (auto self = weak.lock()) self->on_event(generation, event);
    };
    last_dial_ = std::chrono::steady_clock::now();
    return fresh.start(std::move(chosen));
  }

  void on_event(std::uint64_t generation, const link_event& event) {
    if (options_.on_event) options_.on_event(event);
    if (generation != generation_ || stopped_) return;
    if (const auto* path = std::get_if<events::path_changed>(&event.what)) note(*path);
    if (std::holds_alternative<events::link_up>(event.what)) {
      if (ready_) return ask_for_target();
      up_early_ = true;
      return;
    }
    const bool over = std::holds_alternative<events::link_down>(event.what);
    const bool useless = over || std::holds_alternative<events::peer_restarted>(event.what) ||
                         std::holds_alternative<events::going_away>(event.what);
    if (!useless) return;
    log(severity::warn, over
                            ? "the link is over, dialling a new one"
                            : "the server left the link, dialling another one for new connections");
    if (!ready_) {
      lost_early_ = true;
      return;
    }
    useless_ = true;
    const auto age = std::chrono::steady_clock::now() - last_dial_;
    if (age >= redial_pause) return redial();
    retry_ = std::make_unique<asio::steady_timer>(executor(), redial_pause);
    retry_->async_wait([self = shared_from_this(), generation](std::error_code code) {
      if (!code && generation == self->generation_) self->redial();
    });
  }

  // A wrong name is told now, not to the first of the users.
  void ask_for_target() {
    if (loop_ != 0) return;  // one of the lanes asks for all
    open_options open;
    open.metadata = metadata_;
    wire::append_metadata(open.metadata, wire::metadata_type::query, {});
    failure why;
    auto flow = std::make_shared<stream>(link_.open_stream(open, why));
    if (why.code) return;
    flow->async_wait(
        stream::wait_type::accepted, [self = shared_from_this(), flow](std::error_code error) {
          const auto said = static_cast<relay::code>(flow->app_code());
          if (error != errc::rejected || said != code::unknown_target) return;
          self->log(severity::warn, "--to: the server says: " + flow->error().detail, "--to");
        });
  }

  void redial() {
    if (stopped_) return;
    useless_ = false;
    link fresh(runtime_);
    if (const auto why = start(fresh); why.code) {
      log(severity::warn, "no new link: " + why.detail, "no new link");
    } else {
      link_ = std::move(fresh);  // the old one closes when the last of its bridges has ended
    }
    open_waiting();
  }

  void ended(const bridge_result& result) {
    if (!result.why.code) return log(severity::debug, "a connection ended in order");
    auto text = "a connection was reset: " + result.why.detail;
    if (result.reason != code::none) text += " (" + std::string(to_string(result.reason)) + ")";
    log(result.flow_failed ? severity::warn : severity::debug, text, text);
  }

  void log(severity level, std::string_view line, std::string_view cause = {}) const {
    if (options_.log) options_.log(level, line, cause);
  }

  runtime& runtime_;
  const forwarder_options options_;  // its own: flows keep a lane beyond the forwarder
  unsigned loop_;
  link link_;
  std::vector<std::byte> metadata_;
  std::unique_ptr<asio::steady_timer> retry_;
  asio::any_io_executor executor_;
  std::chrono::steady_clock::time_point last_dial_{};
  std::atomic<std::uint64_t> generation_ = 0;
  std::set<std::string> living_;  ///< paths of the link
  std::deque<waiting> waiting_;   ///< connections that have no flow yet
  std::unique_ptr<asio::steady_timer> turn_;
  std::atomic<bool> full_{false};
  bool ready_ = false;       ///< `link_` is the one of the first dial or a later one
  bool lost_early_ = false;  ///< and that was over before it got there
  bool useless_ = false;     ///< new connections wait for the link that is dialled soon
  bool up_early_ = false;    ///< or was up before
  bool stopped_ = false;
};

}  // namespace

struct forwarder::shared : std::enable_shared_from_this<shared> {
  shared(runtime& on, forwarder_options chosen)
      : options(std::move(chosen)), executor(on.get_executor()), pause(executor) {
    for (unsigned i = 0; i < options.lanes; ++i) {
      lanes.push_back(std::make_shared<lane>(on, options, i));
    }
  }

  failure bind();
  void take(transport::unique_fd fd);
  void look();

  forwarder_options options;
  asio::any_io_executor executor;
  asio::steady_timer pause;
  std::unique_ptr<transport::standing_listener> place;  ///< on the executor
  std::atomic<std::uint16_t> bound_port = 0;
  std::vector<std::string> addresses;  ///< set by `bind`
  std::vector<std::shared_ptr<lane>> lanes;
  std::size_t next = 0;
  descriptor_watch descriptors;
  bool held = true;  ///< `place` is
};

failure forwarder::shared::bind() {
  transport::listen_place where{options.host == "*" ? std::string() : options.host,
                                options.port,
                                {},
                                asio::socket_base::max_listen_connections};
  where.options.prepare = [probes = options.probes](int fd) { prepare_application(fd, probes); };
  const auto found = transport::addresses_of(where);
  transport::standing_listener::handlers to;
  to.on_accept = [weak = weak_from_this()](transport::unique_fd fd) {
    if (const auto self = weak.lock()) self->take(std::move(fd));
  };
  to.tell = [log = options.log](bool good, const std::string& sentence) {
    if (log) log(good ? severity::info : severity::warn, sentence, sentence);
  };
  // Until all is begun, what connects waits.
  std::promise<transport::step_failure> told;
  asio::post(executor, [&] {
    transport::step_failure why;
    place = transport::standing_listener::open(executor, where, found, std::move(to), why);
    if (place) {
      place->hold(true);
      bound_port = place->port();
      for (const auto& at : place->local()) addresses.push_back(transport::to_text(at));
    }
    told.set_value(std::move(why));
  });
  const auto why = told.get_future().get();
  if (!why) return {};
  return {portable(why.code), "cannot listen on " + options.host + ": " + why.detail};
}

void forwarder::shared::take(transport::unique_fd fd) {
  const auto to = lanes[next++ % lanes.size()];
  descriptors.opened(fd.get());
  asio::dispatch(to->executor(), [to, fd = std::move(fd)]() mutable { to->carry(std::move(fd)); });
  look();
}

/// What cannot be carried waits in the kernel, where nobody resets it.
void forwarder::shared::look() {
  if (!place) return;
  const bool short_of = descriptors.is_short();
  if (short_of && options.log) options.log(severity::warn, few_descriptors, few_descriptors);
  const bool waits = short_of || lanes[next % lanes.size()]->full();
  if (std::exchange(held, waits) != waits) place->hold(waits);
  if (!waits) return;
  pause.expires_after(accept_pause);
  pause.async_wait([self = shared_from_this()](std::error_code cancelled) {
    if (!cancelled) self->look();
  });
}

forwarder::forwarder(runtime& on, forwarder_options options)
    : state_(std::make_shared<shared>(on, std::move(options))) {}

// A pending accept keeps the acceptor, the lanes and their links.
forwarder::~forwarder() { stop(); }

failure forwarder::start() {
  if (auto why = state_->bind(); why.code) return why;
  for (const auto& l : state_->lanes) {
    if (auto why = l->begin(); why.code) {
      stop();
      return why;
    }
  }
  asio::post(state_->executor, [state = state_] { state->look(); });
  return {};
}

std::uint16_t forwarder::port() const { return state_->bound_port; }

const std::vector<std::string>& forwarder::addresses() const { return state_->addresses; }

void forwarder::stop() {
  asio::post(state_->executor, [state = state_] {
    state->place.reset();
    state->pause.cancel();
  });
  for (const auto& l : state_->lanes) {
    if (l->executor()) asio::post(l->executor(), [l] { l->stop(); });  // else it never began
  }
}

}  // namespace rendr::relay
