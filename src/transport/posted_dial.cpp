// SPDX-License-Identifier: Apache-2.0
#include "transport/posted_dial.hpp"

#include <asio/post.hpp>
#include <utility>

namespace rendr::transport {

namespace {

class posted_dial final : public dial {
 public:
  explicit posted_dial(std::shared_ptr<dial_handler> done) : done_(std::move(done)) {}
  posted_dial(const posted_dial&) = delete;
  posted_dial& operator=(const posted_dial&) = delete;
  ~posted_dial() override { *done_ = nullptr; }

 private:
  const std::shared_ptr<dial_handler> done_;
};

}  // namespace

std::unique_ptr<dial> post_dial(const asio::any_io_executor& executor, std::function<opened()> make,
                                dial_handler done) {
  auto waiting = std::make_shared<dial_handler>(std::move(done));
  asio::post(executor, [waiting, make = std::move(make)] {
    if (const auto tell = std::exchange(*waiting, nullptr)) tell(make());
  });
  return std::make_unique<posted_dial>(std::move(waiting));
}

}  // namespace rendr::transport
