// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// What a program that knows Asio's sockets expects of a flow.
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>
#include <future>
#include <string>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

class asio_habits : public linked_test {};

TEST_F(asio_habits, read_until_finds_a_line) {
  connect();
  open();
  asio::write(near, asio::buffer(std::string("GET / HTTP/1.0\r\n\r\nbody")));
  std::string text;
  const auto n =
      asio::async_read_until(far, asio::dynamic_buffer(text), "\r\n\r\n", asio::use_future).get();
  EXPECT_EQ(text.substr(0, n), "GET / HTTP/1.0\r\n\r\n");
}

TEST_F(asio_habits, one_cancelled_read_loses_nothing) {
  connect();
  open();
  asio::cancellation_signal signal;
  std::string text(4, '\0');
  std::promise<std::error_code> ended;
  far.async_read_some(
      asio::buffer(text),
      asio::bind_cancellation_slot(signal.slot(), [&](std::error_code code, std::size_t n) {
        EXPECT_EQ(n, 0u);
        ended.set_value(code);
      }));
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(ended.get_future().get(), asio::error::operation_aborted);
  asio::write(near, asio::buffer("kept", 4));
  asio::read(far, asio::buffer(text));
  EXPECT_EQ(text, "kept");
}

TEST_F(asio_habits, one_cancelled_write_takes_no_byte) {
  connect();
  open();
  // Nobody reads: the window and then the send buffer fill.
  const auto text = pattern(1 << 20);
  std::size_t sent = 0;
  std::error_code code;
  near.expires_after(300ms);
  while (!code) {
    const auto at = sent % text.size();
    sent += near.write_some(asio::buffer(text.data() + at, text.size() - at), code);
  }
  EXPECT_EQ(code, errc::timed_out);
  near.expires_never();
  asio::cancellation_signal signal;
  std::promise<std::error_code> ended;
  near.async_write_some(
      asio::buffer(text),
      asio::bind_cancellation_slot(signal.slot(), [&](std::error_code failed, std::size_t n) {
        EXPECT_EQ(n, 0u);
        ended.set_value(failed);
      }));
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(ended.get_future().get(), asio::error::operation_aborted);
  near.shutdown_send();
  std::size_t got = 0;
  std::string part(64 << 10, '\0');
  bool equal = true;
  while (!code || code == errc::timed_out) {
    code.clear();
    const auto n = far.read_some(asio::buffer(part), code);
    for (std::size_t i = 0; i < n; ++i) equal = equal && part[i] == text[(got + i) % text.size()];
    got += n;
  }
  EXPECT_EQ(code, asio::error::eof);
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(equal);
}

TEST_F(asio_habits, a_deadline_fails_the_call_and_not_the_flow) {
  connect();
  open();
  std::string text(4, '\0');
  std::error_code code;
  far.expires_after(20ms);
  EXPECT_EQ(far.read_some(asio::buffer(text), code), 0u);
  EXPECT_EQ(code, errc::timed_out);
  EXPECT_EQ(far.read_some(asio::buffer(text), code), 0u);
  EXPECT_EQ(code, errc::timed_out) << "it holds until another is set";
  far.expires_never();
  asio::write(near, asio::buffer("late", 4));
  asio::read(far, asio::buffer(text));
  EXPECT_EQ(text, "late");
}

TEST_F(asio_habits, a_second_read_at_once_is_told_so) {
  connect();
  open();
  std::string text(8, '\0');
  auto first = far.async_read_some(asio::buffer(text), asio::use_future);
  std::error_code code;
  far.read_some(asio::buffer(text), code);
  EXPECT_EQ(code, std::errc::operation_in_progress);
  far.cancel();
  EXPECT_THROW(first.get(), std::system_error);
}

TEST_F(asio_habits, a_blocking_call_on_a_loop_is_reported_and_does_not_hang) {
  connect();
  open();
  std::promise<std::error_code> answer;
  asio::post(near.get_executor(), [&] {
    std::error_code code;
    char byte = 0;
    near.read_some(asio::buffer(&byte, 1), code);
    answer.set_value(code);
  });
  EXPECT_EQ(answer.get_future().get(), std::errc::resource_deadlock_would_occur);
}

TEST_F(asio_habits, handlers_run_on_their_own_executor) {
  connect();
  open();
  asio::io_context mine;
  bool there = false;
  std::string text(4, '\0');
  asio::async_read(far, asio::buffer(text),
                   asio::bind_executor(mine.get_executor(), [&](std::error_code, std::size_t) {
                     there = mine.get_executor().running_in_this_thread();
                   }));
  asio::write(near, asio::buffer("here", 4));
  mine.run();
  EXPECT_TRUE(there);
  EXPECT_EQ(text, "here");
}

TEST_F(asio_habits, waits_tell_readable_accepted_and_delivered) {
  connect();
  near = line->open_stream();
  auto offered = door->accept();
  auto accepted = near.async_wait(stream::wait_type::accepted, asio::use_future);
  far = offered.accept();
  accepted.get();
  asio::write(near, asio::buffer("x", 1));
  near.async_wait(stream::wait_type::delivered, asio::use_future).get();
  far.async_wait(stream::wait_type::readable, asio::use_future).get();
  EXPECT_EQ(near.status().acknowledged, 1u);
}

TEST_F(asio_habits, a_refusal_is_an_error_with_the_code_and_the_reason) {
  connect();
  near = line->open_stream();
  door->accept().reject(7, "no such name");
  std::error_code code;
  char byte = 0;
  near.read_some(asio::buffer(&byte, 1), code);
  EXPECT_EQ(code, errc::rejected);
  EXPECT_EQ(near.app_code(), 7u);
  EXPECT_NE(near.error().detail.find("no such name"), std::string::npos) << near.error().detail;
}

TEST_F(asio_habits, an_abort_is_an_error_there_and_never_an_end) {
  connect();
  open();
  near.abort(9);
  std::error_code code;
  char byte = 0;
  far.read_some(asio::buffer(&byte, 1), code);
  EXPECT_EQ(code, errc::aborted);
  EXPECT_EQ(far.app_code(), 9u);
}

TEST_F(asio_habits, what_was_written_before_close_arrives) {
  connect();
  open();
  const auto text = pattern(1 << 20);
  asio::write(near, asio::buffer(text));
  near.close();
  std::string got;
  std::error_code code;
  asio::read(far, asio::dynamic_buffer(got), code);
  EXPECT_EQ(code, asio::error::eof);
  EXPECT_EQ(got, text);
}

TEST_F(asio_habits, what_the_other_side_wrote_is_there_after_its_link_is_closed) {
  connect();
  open();
  asio::write(near, asio::buffer("bye", 3));
  near.close();
  line->close();
  EXPECT_EQ(line->wait(link::wait_type::down), errc::closed);
  std::string got;
  std::error_code code;
  asio::read(far, asio::dynamic_buffer(got), code);
  EXPECT_EQ(code, asio::error::eof);
  EXPECT_EQ(got, "bye");
}

TEST(embedded_runtime, runs_on_the_context_of_its_owner) {
  const auto before = open_descriptors();
  std::string got(5, '\0');
  {
    asio::io_context context;
    runtime server(context);
    runtime client(context);
    listener door(server);
    link line(client);
    stream near;
    stream far;
    std::error_code result;
    asio::post(context, [&] {
      ASSERT_FALSE(door.listen(on_loopback()).code);
      link_options options;
      options.paths = {path_to(door.port())};
      line.async_connect(options, [&](std::error_code code) {
        result = code;
        if (code) return context.stop();
        near = line.open_stream();
        asio::async_write(near, asio::buffer("hello", 5), [](std::error_code, std::size_t) {});
      });
      door.async_accept([&](std::error_code code, incoming offered) {
        if (code) return;
        far = offered.accept();
        asio::async_read(far, asio::buffer(got),
                         [&](std::error_code, std::size_t) { context.stop(); });
      });
    });
    context.run();
    EXPECT_FALSE(result);
  }
  EXPECT_EQ(got, "hello");
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace rendr::test
