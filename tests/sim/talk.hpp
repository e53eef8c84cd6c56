// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "sim/application.hpp"

namespace rendr::sim {

/// What is known of one end of a flow, whatever it carries.
struct talk_end {
  node* at = nullptr;
  engine::flow_ref flow{};
  bool open = false;
  bool fin_sent = false;
  bool eof = false;
  bool reading = true;
  bool failed = false;
  errc error{};
  std::uint64_t app_code = 0;
};

/// The life of one flow with the applications at both ends: how it is opened, fails and ends. What
/// is said over it is the matter of the class above, which writes and reads.
template <class Plan, class End>
class talk : public application {
 public:
  using end = End;

  void ready(bool at_server) override {
    produce(at_server);
    consume(at_server);
  }
  void done(bool at_server, const engine::event::flow_done& event) override {
    auto& e = side(at_server);
    e.app_code = event.app_code;
    if (event.code != errc{} && !planned(at_server, event.code))
      return fail(at_server, event.code, "flow_done");
    if (e.open) consume(at_server);
    if (e.open && !(e.fin_sent && e.eof)) bad("done before both directions ended");
  }
  void link_failed(bool at_server, errc code) override {
    auto& e = side(at_server);
    if (e.open) fail(at_server, code, "link_down");
    e.open = false;
  }
  void server_exited() override { ends_[1].open = false; }

  std::uint32_t number() const noexcept { return number_; }
  const Plan& plan() const noexcept { return plan_; }
  end& client() noexcept { return ends_[0]; }
  end& server() noexcept { return ends_[1]; }
  const end& client() const noexcept { return ends_[0]; }
  const end& server() const noexcept { return ends_[1]; }
  /// Both directions came to their end.
  bool complete() const noexcept { return ends_[0].eof && ends_[1].eof; }
  /// Reads again after `reading` was false.
  void resume_reading(bool at_server) {
    auto& e = side(at_server);
    e.reading = true;
    consume(at_server);
    if (e.at != nullptr) e.at->wake();
  }
  /// Lets go without waiting.
  void close(bool at_server) {
    auto& e = side(at_server);
    if (!e.open) return;
    e.open = false;
    e.at->ep().close(queue_.now(), e.flow);
    e.at->wake();
  }

 protected:
  talk(event_queue& queue, std::uint32_t number, std::uint64_t seed, const Plan& plan,
       node::report violated, std::string name)
      : queue_(queue),
        number_(number),
        seed_(seed),
        plan_(plan),
        violated_(std::move(violated)),
        name_(std::move(name)) {
    ends_[1].reading = plan.server_reads;
  }

  virtual void produce(bool at_server) = 0;
  virtual void consume(bool at_server) = 0;
  /// Whether the plan is that this end sees this error.
  virtual bool planned(bool /*at_server*/, errc /*code*/) const { return false; }

  end& side(bool at_server) noexcept { return ends_[at_server ? 1 : 0]; }
  const end& side(bool at_server) const noexcept { return ends_[at_server ? 1 : 0]; }
  const auto& produces(bool at_server) const { return at_server ? plan_.down : plan_.up; }

  /// `open` is the call of the endpoint for its kind of flow. False: it failed.
  template <class Open>
  bool open_at(node& client, Open open) {
    std::array<std::byte, sizeof number_> metadata;
    std::memcpy(metadata.data(), &number_, sizeof number_);
    engine::endpoint::open_options options;
    options.metadata = metadata;
    options.root = plan_.root;
    const auto flow = open(client.ep(), options);
    auto& e = ends_[0];
    e.at = &client;
    if (flow) {
      e.flow = *flow;
      e.open = true;
    } else {
      fail(false, flow.error(), "open");
    }
    return e.open;
  }
  /// False: it could not be accepted.
  bool accept_at(node& server) {
    auto& e = ends_[1];
    e.open = true;
    const auto code = server.ep().accept_flow(queue_.now(), e.flow);
    if (code != errc{}) fail(true, code, "accept");
    return e.open;
  }
  /// Whether it arrived for the first time.
  bool arrives_at(node& server, engine::flow_ref flow) {
    auto& e = ends_[1];
    if (e.at != nullptr) {
      bad("arrived twice");
      return false;
    }
    e.at = &server;
    e.flow = flow;
    return true;
  }
  /// Ends the direction that this end writes.
  void finish(bool at_server) {
    auto& e = side(at_server);
    if (const auto code = e.at->ep().shutdown(queue_.now(), e.flow); code != errc{}) {
      if (!planned(at_server, code)) fail(at_server, code, "shutdown");
      return;
    }
    e.fin_sent = true;
  }
  void fail(bool at_server, errc code, const std::string& where) {
    auto& e = side(at_server);
    if (!plan_.may_fail || *plan_.may_fail != code) {
      bad(std::string(at_server ? "server" : "client") + " saw " + std::string(rendr::name(code)) +
          " in " + where);
    }
    e.error = code;
    e.failed = true;
    close(at_server);
  }
  void bad(const std::string& what) const {
    violated_(name_ + " " + std::to_string(number_) + ": " + what);
  }

  event_queue& queue_;
  std::uint32_t number_;
  std::uint64_t seed_;
  Plan plan_;
  node::report violated_;
  std::string name_;
  std::array<end, 2> ends_;
};

}  // namespace rendr::sim
