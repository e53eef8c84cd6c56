// SPDX-License-Identifier: Apache-2.0
#include "runtime/handover.hpp"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "engine/endpoint.hpp"
#include "runtime/loop.hpp"
#include "runtime/runtime_core.hpp"
#include "wire/record.hpp"

namespace rendr::detail {

struct handover::waiting {
  waiting(const asio::any_io_executor& executor, std::unique_ptr<transport::arrival> what,
          bool take_plaintext)
      : connection(std::move(what)),
        limit(executor),
        source(engine::source_key(connection->source())),
        plaintext(take_plaintext) {}
  std::unique_ptr<transport::arrival> connection;
  asio::steady_timer limit;
  const std::string source;
  const bool plaintext;
};

void accept_on(loop& to, std::unique_ptr<transport::arrival> from, bool plaintext) {
  auto shared = std::make_shared<std::unique_ptr<transport::arrival>>(std::move(from));
  to.dispatch([home = to.shared_from_this(), shared, plaintext] {
    if (home->ended()) return;
    auto opened = (*shared)->adopt(home->executor());
    opened.traits.take_plaintext = plaintext;
    home->accept(std::move(opened));
  });
}

void handover::take(std::unique_ptr<transport::arrival> from, bool plaintext) {
  if (closed_) return;
  auto& first = *owner_.loops.front();
  if (owner_.loops.size() == 1) return accept_on(first, std::move(from), plaintext);
  if (waiting_.size() >= owner_.options.handshakes) evict();
  auto one = std::make_shared<waiting>(first.executor(), std::move(from), plaintext);
  sources_.add(one->source);
  waiting_.push_back(one);
  one->limit.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(
      engine::defaults::handshake_timeout));
  one->limit.async_wait([weak = weak_from_this(), one](const std::error_code& failed) {
    if (const auto self = weak.lock(); self && !failed) self->drop(one);
  });
  one->connection->look(wire::prologue_size, [weak = weak_from_this(), about = std::weak_ptr(one)](
                                                 std::span<const std::byte> head) {
    const auto self = weak.lock();
    const auto looked_at = about.lock();
    if (self && looked_at) self->look(looked_at, head);
  });
}

void handover::forget(const std::shared_ptr<waiting>& one) {
  if (std::erase(waiting_, one) != 0) sources_.remove(one->source);
  one->limit.cancel();
}

void handover::drop(const std::shared_ptr<waiting>& one) {
  forget(one);
  one->connection.reset();
}

void handover::evict() {
  const auto most = sources_.most();
  const auto oldest = *std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& one) {
    return sources_.count(one->source) == most;
  });
  drop(oldest);
}

void handover::look(const std::shared_ptr<waiting>& one, std::span<const std::byte> first) {
  if (!one->connection) return;  // given on already: an arrival may show its bytes again
  auto* to = owner_.loops.front().get();
  if (!first.empty()) {
    const auto prologue = wire::read_prologue(first);
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
  accept_on(to, std::move(one->connection), one->plaintext);
}

void handover::close() {
  closed_ = true;
  while (!waiting_.empty()) drop(std::shared_ptr(waiting_.front()));
}

}  // namespace rendr::detail
