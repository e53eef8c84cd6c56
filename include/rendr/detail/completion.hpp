// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>

/// Not part of the interface: what the templates of the public headers need.
namespace rendr::detail {

/// A completion handler of any type, called once. Move-only. Calling it posts the handler to its
/// associated executor (never runs it inside the caller); until then that executor and the one of
/// the object count as having work.
template <class... Args>
class completion {
 public:
  completion() noexcept = default;

  template <class Handler>
  completion(Handler handler, const asio::any_io_executor& fallback)
      : target_(std::make_unique<model<Handler>>(std::move(handler), fallback)) {}

  /// Calls `function` in place instead of posting it.
  template <class Function>
  static completion in_place(Function function) {
    completion result;
    result.target_ = std::make_unique<direct<Function>>(std::move(function));
    return result;
  }

  explicit operator bool() const noexcept { return target_ != nullptr; }

  void operator()(Args... args) {
    if (auto target = std::move(target_)) target->complete(std::move(args)...);
  }

 private:
  struct concept_type {
    virtual ~concept_type() = default;
    virtual void complete(Args... args) = 0;
  };

  template <class Handler>
  struct bound {
    Handler handler;
    std::tuple<Args...> args;
    void operator()() {
      std::apply([this](Args&... a) { std::move(handler)(std::move(a)...); }, args);
    }
  };

  template <class Handler>
  struct model final : concept_type {
    using executor_type = typename asio::associated_executor<Handler, asio::any_io_executor>::type;
    using work_type = std::decay_t<decltype(asio::prefer(
        std::declval<const executor_type&>(), asio::execution::outstanding_work.tracked))>;
    using io_work_type = std::decay_t<decltype(asio::prefer(
        std::declval<const asio::any_io_executor&>(), asio::execution::outstanding_work.tracked))>;

    model(Handler h, const asio::any_io_executor& fallback)
        : handler(std::move(h)),
          work(asio::prefer(asio::get_associated_executor(handler, fallback),
                            asio::execution::outstanding_work.tracked)),
          io_work(asio::prefer(fallback, asio::execution::outstanding_work.tracked)) {}

    void complete(Args... args) override {
      auto executor = work;
      asio::post(executor,
                 bound<Handler>{std::move(handler), std::tuple<Args...>(std::move(args)...)});
    }

    Handler handler;
    work_type work;
    io_work_type io_work;
  };

  template <class Function>
  struct direct final : concept_type {
    explicit direct(Function f) : function(std::move(f)) {}
    void complete(Args... args) override { function(std::move(args)...); }
    Function function;
  };

  std::unique_ptr<concept_type> target_;
};

/// Up to 16 pieces of a buffer sequence, empty ones left out. What does not fit is left to the
/// next call, as `read_some` and `write_some` may.
template <class Buffer>
struct buffer_list {
  std::array<Buffer, 16> items{};
  std::size_t count = 0;

  template <class Sequence>
  static buffer_list from(const Sequence& sequence) {
    buffer_list list;
    for (auto it = asio::buffer_sequence_begin(sequence);
         it != asio::buffer_sequence_end(sequence) && list.count < list.items.size(); ++it) {
      if (const Buffer piece(*it); piece.size() > 0) list.items[list.count++] = piece;
    }
    return list;
  }
};
using read_buffers = buffer_list<asio::mutable_buffer>;
using write_buffers = buffer_list<asio::const_buffer>;

using void_completion = completion<std::error_code>;
using size_completion = completion<std::error_code, std::size_t>;

/// What the cancellation slot of a handler calls. `cancel_operation` is found by argument type.
template <class Core, class Handler>
void connect_cancellation(const std::shared_ptr<Core>& core, std::uint64_t operation,
                          const Handler& handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  if (!slot.is_connected()) return;
  slot.assign([weak = std::weak_ptr<Core>(core), operation](asio::cancellation_type_t type) {
    if (type == asio::cancellation_type::none) return;
    if (auto strong = weak.lock()) cancel_operation(strong, operation);
  });
}

/// A number for one operation, unique in the process.
std::uint64_t next_operation() noexcept;

}  // namespace rendr::detail
