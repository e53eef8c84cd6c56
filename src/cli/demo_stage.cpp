// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_stage.hpp"

#include <utility>

namespace rendr::cli {

using namespace std::chrono_literals;

namespace {

/// What each line is like when the options do not say: Mbit/s and one-way delays as such lines
/// have.
constexpr std::array<relay_shape, 3> usual{
    relay_shape{40'000'000, 4ms}, relay_shape{20'000'000, 20ms}, relay_shape{30'000'000, 8ms}};

}  // namespace

demo_stage::demo_stage(const demo_options& options, link_observer on_event)
    : options_(options),
      on_event_(std::move(on_event)),
      context_(1),
      work_(context_.get_executor()),
      at_(acceptor_),
      over_(dialer_) {}

demo_stage::~demo_stage() {
  abort();
  for (auto& relay : relays_) relay->close();
  work_.reset();
  if (relay_thread_.joinable()) relay_thread_.join();
}

failure demo_stage::open() {
  listen_options where;
  where.host = "127.0.0.1";
  if (auto why = at_.listen(where); why.code) return why;
  link_options chosen;
  for (std::size_t i = 0; i < demo_paths.size(); ++i) {
    auto shape = usual[i];
    if (options_.rate) shape.rate = *options_.rate;
    if (options_.delay) shape.delay = *options_.delay;
    relays_.push_back(std::make_unique<demo_relay>(context_.get_executor(), at_.port(), shape));
    if (auto why = relays_.back()->open(); why.code) return why;
    path_spec path;
    path.name = demo_paths[i];
    path.host = "127.0.0.1";
    path.port = relays_.back()->port();
    path.evidence = path_evidence::first_hop;  // the relay acknowledges, not the peer
    chosen.paths.push_back(std::move(path));
  }
  relay_thread_ = std::thread([this] { context_.run(); });
  chosen.root = options_.root;
  chosen.on_event = on_event_;
  return over_.start(std::move(chosen));
}

link_status demo_stage::receiver_status() const {
  auto all = acceptor_.status();
  return all.links.empty() ? link_status() : std::move(all.links.front());
}

void demo_stage::abort() {
  over_.abort();
  at_.close();
}

}  // namespace rendr::cli
