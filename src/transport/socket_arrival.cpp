// SPDX-License-Identifier: Apache-2.0
#include "transport/socket_arrival.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/posix/stream_descriptor.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "transport/posix_stream.hpp"

namespace rendr::transport {

namespace {

using adopter = opened (*)(const asio::any_io_executor&, unique_fd);
using shown = std::function<void(std::span<const std::byte>)>;

/// Readiness means that so much is there (or the end).
void wake_at(int fd, std::size_t bytes) {
  const auto low = static_cast<int>(bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
}

class socket_looked_at : public std::enable_shared_from_this<socket_looked_at> {
 public:
  socket_looked_at(asio::any_io_executor executor, unique_fd fd)
      : executor_(std::move(executor)), fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }

  void look(std::size_t size, shown done) {
    wake_at(fd_.get(), size);
    std::error_code code;
    watched_.emplace(executor_);
    watched_->assign(fd_.get(), code);
    if (code) return show(0, done);
    watched_->async_wait(
        asio::posix::descriptor_base::wait_read,
        [weak = weak_from_this(), size, done = std::move(done)](const std::error_code& failed) {
          const auto self = weak.lock();
          if (self && !failed) self->show(size, done);
        });
  }

  unique_fd take() {
    forget();
    return std::move(fd_);
  }
  void close() { take().reset(); }

 private:
  void show(std::size_t size, const shown& done) {
    forget();
    std::vector<std::byte> first(size);
    const auto n = ::recv(fd_.get(), first.data(), first.size(), MSG_PEEK | MSG_DONTWAIT);
    first.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    wake_at(fd_.get(), 1);
    done(first);
  }

  void forget() {
    if (watched_ && watched_->is_open()) watched_->release();
    watched_.reset();
  }

  asio::any_io_executor executor_;
  unique_fd fd_;
  std::optional<asio::posix::stream_descriptor> watched_;
};

class accepted_socket final : public arrival {
 public:
  accepted_socket(const asio::any_io_executor& executor, unique_fd fd, adopter maker)
      : source_(remote_of(fd.get())),
        adopt_(maker),
        socket_(std::make_shared<socket_looked_at>(executor, std::move(fd))) {}
  accepted_socket(const accepted_socket&) = delete;
  accepted_socket& operator=(const accepted_socket&) = delete;
  ~accepted_socket() override { socket_->close(); }

  std::string source() const override { return source_; }
  void look(std::size_t size, shown done) override { socket_->look(size, std::move(done)); }
  opened adopt(const asio::any_io_executor& executor) override {
    return adopt_(executor, socket_->take());
  }

 private:
  const std::string source_;
  const adopter adopt_;
  const std::shared_ptr<socket_looked_at> socket_;
};

}  // namespace

std::unique_ptr<arrival> socket_arrival(const asio::any_io_executor& executor, unique_fd fd,
                                        opened (*adopt)(const asio::any_io_executor&, unique_fd)) {
  return std::make_unique<accepted_socket>(executor, std::move(fd), adopt);
}

}  // namespace rendr::transport
