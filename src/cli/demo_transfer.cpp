// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_transfer.hpp"

#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <cerrno>
#include <string>
#include <vector>

namespace rendr::cli {

namespace {

constexpr std::size_t block_size = 256 * 1024;

bool write_all(stream& to, std::span<const std::byte> data, std::error_code& code) {
  while (!data.empty()) {
    const auto n = to.write_some(asio::buffer(data.data(), data.size()), code);
    if (code) return false;
    data = data.subspan(n);
  }
  return true;
}

}  // namespace

demo_transfer::demo_transfer(const demo_file& file, link& over, listener& at)
    : file_(file), over_(over), at_(at) {}

demo_transfer::~demo_transfer() {
  if (sender_.joinable()) sender_.join();
  if (receiver_.joinable()) receiver_.join();
}

void demo_transfer::start() {
  receiver_ = std::thread([this] {
    receive();
    --threads_left_;
  });
  sender_ = std::thread([this] {
    send();
    --threads_left_;
  });
}

duration demo_transfer::age() const {
  const auto begun = begun_.load();
  if (begun == 0) return duration::zero();
  return clock::now() - clock::time_point(clock::duration(begun));
}

demo_transfer::outcome demo_transfer::finish() {
  sender_.join();
  receiver_.join();
  return outcome_;
}

void demo_transfer::send() {
  failure why;
  auto flow = over_.open_stream({}, why);
  if (why.code) return fail(why.code, "sender");
  sha256 sum;
  std::vector<std::byte> block(block_size);
  std::error_code code;
  begun_ = clock::now().time_since_epoch().count();
  std::uint64_t at = 0;
  while (at < file_.size()) {
    const auto n = ::pread(file_.descriptor(), block.data(), block.size(), static_cast<off_t>(at));
    if (n <= 0) {
      flow.abort();
      return fail(n == 0 ? make_error_code(std::errc::no_message_available)
                         : std::error_code(errno, std::system_category()),
                  "reading the file");
    }
    const std::span<const std::byte> piece(block.data(), static_cast<std::size_t>(n));
    sum.add(piece);
    if (!write_all(flow, piece, code)) return fail(code, "sender");
    at += piece.size();
  }
  outcome_.sent = sum.finish();
  code = flow.shutdown_send();
  if (code) return fail(code, "sender");
  for (std::size_t got = 0; got < outcome_.received.size();) {
    got += flow.read_some(
        asio::buffer(outcome_.received.data() + got, outcome_.received.size() - got), code);
    if (code) return fail(code, "sender, waiting for the sum");
  }
}

void demo_transfer::receive() {
  std::error_code code;
  auto arrived = at_.accept(code);
  if (code) return fail(code, "receiver");
  auto flow = arrived.accept();
  sha256 sum;
  std::vector<std::byte> block(block_size);
  auto last = clock::now();
  bool first = true;
  while (true) {
    const auto n = flow.read_some(asio::buffer(block.data(), block.size()), code);
    if (code == asio::error::eof) break;
    if (code) return fail(code, "receiver");
    const auto now = clock::now();
    if (!first && now - last > outcome_.largest_gap) {
      outcome_.largest_gap = now - last;
      outcome_.gap_at = age();
    }
    first = false;
    last = now;
    sum.add({block.data(), n});
    received_ += n;
  }
  outcome_.time = age();
  const auto answer = sum.finish();
  if (!write_all(flow, answer, code)) return fail(code, "receiver, answering");
  flow.shutdown_send();
  flow.wait(stream::wait_type::done, code);
}

void demo_transfer::fail(const std::error_code& code, const char* side) {
  if (failed_.exchange(true)) return;  // the first one says why
  outcome_.why = {code, std::string(side) + ": " + code.message()};
}

}  // namespace rendr::cli
