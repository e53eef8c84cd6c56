// SPDX-License-Identifier: Apache-2.0
#include "rendr/runtime.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "runtime/capabilities.hpp"
#include "runtime/cpu.hpp"
#include "runtime/listener_core.hpp"
#include "runtime/machine_limits.hpp"
#include "runtime/pages.hpp"
#include "runtime/runtime_core.hpp"
#include "transport/factory_dial.hpp"
#include "wire/handshake.hpp"

namespace rendr {

namespace detail {

void fill_random(std::span<std::byte> out) {
  while (!out.empty()) {
    const auto n = ::getrandom(out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::system_error(errno, std::system_category(), "getrandom");
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

runtime_core::runtime_core(runtime_options o) : options(fitted(std::move(o))) {
  if (options.loops < 1 || options.loops > 255)
    throw std::system_error(errc::invalid_argument,
                            "loops: " + std::to_string(options.loops) + " given; 1 to 255");
  if (const auto why = check_acceptor(options.accepted_credentials); why.code)
    throw std::system_error(why.code, "accepted_credentials: " + why.detail);
  choose_ciphers();
  fill_random(instance);
}

void runtime_core::begin(const std::shared_ptr<asio::io_context>& embedded) {
  const unsigned count = embedded ? 1 : options.loops;
  engine::endpoint_config config;
  config.instance = instance;
  if (options.reset_key)
    config.reset_key = *options.reset_key;
  else
    fill_random(config.reset_key);
  if (options.server_id)
    config.server = *options.server_id;
  else
    fill_random(config.server);
  config.slot = options.slot;
  config.loops = count;
  mint.emplace(secret<32>(config.reset_key), config.server, std::uint8_t{0}, count);
  config.accept_links = true;
  config.features = fast_aes() ? wire::feature_aes_128_gcm : 0;
  config.accept_credentials = options.accepted_credentials;
  config.accepted.no_path_grace = options.accepted_grace;
  config.accepted.grace_closed = options.accepted_grace_closed;
  config.accepted.linger = options.accepted_linger;
  config.budget = options.budget / count;
  config.slabs = slab_pages();
  config.send_buffer = options.send_buffer;
  config.flows_per_link = options.flows_per_link;
  config.links = (options.links + count - 1) / count;
  config.handshakes = options.handshakes;
  for (unsigned i = 0; i < count; ++i) {
    fill_random(config.secret_seed);
    fill_random(std::as_writable_bytes(std::span(&config.jitter_seed, 1)));
    config.loop = static_cast<std::uint8_t>(i);
    auto context = embedded ? embedded : std::make_shared<asio::io_context>(1);
    loops.push_back(std::make_shared<loop>(*this, i, context, config));
    if (!embedded) contexts.push_back(std::move(context));
  }
  watch_network();
  for (const auto& context : contexts) {
    guards.emplace_back(context->get_executor());
    threads.emplace_back([context] { context->run(); });
  }
}

void runtime_core::watch_network() {
  if (!options.watch_network) return;
  network_ = transport::net_events::open(
      loops.front()->executor(),
      [this](const transport::net_change& change) {
        ++network_changes;
        for (const auto& one : loops)
          one->dispatch([one, change] { one->network_changed(change); });
      },
      network_watch.code);
  if (network_watch.code)
    network_watch.detail = "watch the network: " + network_watch.code.message();
  else if (!contexts.empty())
    network_->watch(true);
}

void runtime_core::links_changed(std::size_t links_of_loop) {
  if (network_ && contexts.empty()) network_->watch(links_of_loop > 0);
}

void runtime_core::end() {
  std::shared_ptr<listener_core> open;
  {
    const std::lock_guard lock(mutex);
    open = listener.lock();
  }
  if (contexts.empty()) {
    for (const auto& one : loops) one->end();
    network_.reset();
    if (open) open->close();
    return;
  }
  if (open) open->close();
  for (std::size_t i = 0; i < loops.size(); ++i)
    loops[i]->post([one = loops[i], context = contexts[i]] {
      one->end();
      context->stop();
    });
  for (auto& thread : threads) thread.join();
  threads.clear();
  guards.clear();
  network_.reset();
  // Handlers that were ready when the loops stopped, and what they lead to.
  for (const auto& context : contexts) {
    context->restart();
    context->poll();
  }
}

bool runtime_core::on_any_loop() const {
  return std::any_of(loops.begin(), loops.end(), [](const auto& one) { return one->on_thread(); });
}

loop& runtime_core::least_loaded() {
  return **std::min_element(loops.begin(), loops.end(), [](const auto& a, const auto& b) {
    return a->link_count() < b->link_count();
  });
}

std::shared_ptr<accept_queue> runtime_core::flows_of_listener() const {
  const std::lock_guard lock(mutex);
  const auto open = listener.lock();
  return open ? open->queue : nullptr;
}

void runtime_core::start_shutdown(void_completion done) {
  std::shared_ptr<listener_core> open;
  {
    const std::lock_guard lock(mutex);
    open = listener.lock();
  }
  if (open) open->close();
  auto left = std::make_shared<std::atomic<std::size_t>>(loops.size());
  auto shared = std::make_shared<void_completion>(std::move(done));
  for (const auto& one : loops)
    one->dispatch([one, left, shared] {
      one->close_links([left, shared] {
        if (--*left == 0) (*shared)({});
      });
    });
}

}  // namespace detail

transport_factory one_connection(int fd, bool secured) {
  struct holder {
    std::mutex mutex;
    transport::unique_fd fd;
  };
  auto held = std::make_shared<holder>();
  held->fd.reset(fd);
  return [held, secured](const path_spec&, duration) {
    const std::lock_guard lock(held->mutex);
    connection result;
    result.fd = held->fd.release();
    result.secured = secured;
    if (result.fd < 0) {
      result.code = errc::unavailable;
      result.detail = "the supplied connection was used already";
    }
    return result;
  };
}

runtime::runtime(runtime_options options)
    : core_(std::make_shared<detail::runtime_core>(std::move(options))) {
  core_->begin(nullptr);
}

runtime::runtime(asio::io_context& context, runtime_options options)
    : core_(std::make_shared<detail::runtime_core>(std::move(options))) {
  core_->begin(std::shared_ptr<asio::io_context>(std::shared_ptr<void>(), &context));
}

runtime::~runtime() { core_->end(); }

runtime::executor_type runtime::get_executor() const { return core_->loops.front()->executor(); }

instance_id runtime::instance() const { return core_->instance; }

failure runtime::add_transport(std::string scheme, transport_factory factory) {
  const auto word = std::move(scheme);
  const auto usual = transport::default_scheme();
  if (word.empty() || word == usual || !factory)
    return {errc::invalid_argument,
            "transport '" + word + "': give a name other than " + usual + ", and a factory"};
  const auto make = [factory = std::move(factory)](const path_spec& at, duration timeout) {
    auto answer = factory(at, timeout);
    return transport::made{transport::unique_fd(answer.fd), answer.code, std::move(answer.detail),
                           answer.secured};
  };
  if (!core_->schemes.add(transport::factory_scheme(word, make)))
    return {errc::invalid_argument, "transport '" + word + "' is there already"};
  return {};
}

failure runtime::add_transport(std::shared_ptr<const transport::scheme> added) {
  return core_->schemes.admit(std::move(added));
}

bool runtime::parse_path(std::string_view text, path_spec& out, failure& why) const {
  return parse_path_spec(text, core_->schemes.forms(), out, why);
}

void runtime::network_changed() {
  for (const auto& one : core_->loops) one->dispatch([one] { one->network_changed({}); });
}

runtime_status runtime::status() const {
  runtime_status result;
  result.instance = core_->instance;
  for (auto& one : detail::capabilities(core_->schemes)) {
    if (one.here) result.capabilities.push_back(std::move(one.name));
  }
  if (core_->options.watch_network && !core_->network_watch.code) {
    result.capabilities.emplace_back("network_watch");
  }
  result.loops = core_->loops.size();
  if (const auto queue = core_->flows_of_listener()) result.flows_waiting = queue->size();
  result.observer_exceptions = core_->observer_exceptions;
  result.network_changes = core_->network_changes;
  result.network_watch = core_->network_watch;
  for (const auto& one : core_->loops) {
    const auto failed = one->call([&] { result.add(one->status()); });
    if (failed == std::errc::resource_deadlock_would_occur)
      throw std::system_error(failed, "status on the thread of another loop");
  }
  return result;
}

namespace {

/// Asks one loop after the other until one has done it.
failure on_any(const detail::runtime_core& core, const std::function<bool(detail::loop&)>& done) {
  for (const auto& one : core.loops) {
    bool here = false;
    if (const auto failed = one->call([&] { here = done(*one); }); failed && failed != errc::closed)
      return {failed, "another loop cannot be asked from here"};
    if (here) return {};
  }
  return {errc::closed, "it does not live here (any more)"};
}

}  // namespace

failure runtime::end_link(const link_id& id) {
  return on_any(*core_, [&](detail::loop& one) { return one.end_link(id); });
}

failure runtime::end_flow(const flow_id& id) {
  return on_any(*core_, [&](detail::loop& one) { return one.end_flow(id); });
}

void runtime::start_shutdown(detail::void_completion done) {
  core_->start_shutdown(std::move(done));
}

void runtime::shutdown() {
  if (core_->on_any_loop())
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                            "shutdown on a loop thread");
  detail::wait_for<std::error_code>(
      [&](detail::void_completion done) { start_shutdown(std::move(done)); });
}

}  // namespace rendr
