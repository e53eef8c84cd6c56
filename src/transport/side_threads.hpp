// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>

namespace rendr::transport {

/// Runs calls that may block (name resolution, factories of the embedder) on threads of their own,
/// and their conclusions on the loop. Nothing ever waits for such a call: when this object is gone,
/// the conclusion is destroyed unrun on the thread that made it.
class side_threads {
 public:
  using conclusion = std::function<void()>;
  using blocking_call = std::function<conclusion()>;

  /// At most `limit` calls at a time.
  side_threads(asio::any_io_executor executor, std::size_t limit);
  side_threads(const side_threads&) = delete;
  side_threads& operator=(const side_threads&) = delete;
  ~side_threads();

  /// False, and nothing is run, when `limit` calls are under way or no thread can be had. `call`
  /// must not throw.
  bool run(blocking_call call);
  std::size_t running() const;

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace rendr::transport
