// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// How a flow ends, as a program sees it.
#include <asio/buffer.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>
#include <future>
#include <string>
#include <thread>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

class ends : public linked_test {
 protected:
  static std::string read_to_end(stream& from, std::error_code& code) {
    std::string got;
    std::string part(64 << 10, '\0');
    for (code = {}; !code;) got.append(part, 0, from.read_some(asio::buffer(part), code));
    return got;
  }
};

TEST_F(ends, a_reset_after_delivery_is_read_behind_all_that_was_written) {
  connect();
  open();
  const auto text = pattern(1 << 20);
  asio::write(near, asio::buffer(text));
  near.abort_after_delivery(9);
  std::error_code code;
  EXPECT_TRUE(read_to_end(far, code) == text);
  EXPECT_EQ(code, errc::aborted);
  EXPECT_EQ(far.app_code(), 9u);
  EXPECT_EQ(far.error().code, errc::aborted);
  far.wait(stream::wait_type::done, code);
  EXPECT_EQ(code, errc::aborted);
}

TEST_F(ends, what_arrived_before_an_abort_is_read_before_it_shows) {
  connect();
  open();
  asio::write(near, asio::buffer("here", 4));
  near.async_wait(stream::wait_type::delivered, asio::use_future).get();
  near.abort(9);
  std::error_code code;
  EXPECT_EQ(read_to_end(far, code), "here");
  EXPECT_EQ(code, errc::aborted);
  EXPECT_EQ(far.app_code(), 9u);
}

// As a connection that waits in a backlog.
TEST_F(ends, a_flow_that_was_ended_before_anybody_took_it_is_taken_when_its_link_is_over) {
  connect();
  near = line->open_stream();
  asio::write(near, asio::buffer("here", 4));
  near.async_wait(stream::wait_type::delivered, asio::use_future).get();
  near.close();
  line->close();
  const auto over = [this] { return server->status().links.empty(); };
  for (int i = 0; i < 5000 && !over(); ++i) std::this_thread::sleep_for(10ms);
  ASSERT_TRUE(over());
  ASSERT_EQ(server->status().flows_waiting, 1u);
  far = door->accept().accept();
  std::error_code code;
  EXPECT_EQ(read_to_end(far, code), "here");
  EXPECT_EQ(code, asio::error::eof);
}

TEST_F(ends, a_flow_that_says_nothing_waits_no_longer_than_its_link) {
  connect();
  near = line->open_stream();
  const auto waiting = [this] { return server->status().flows_waiting; };
  for (int i = 0; i < 5000 && waiting() == 0; ++i) std::this_thread::sleep_for(10ms);
  ASSERT_EQ(waiting(), 1u);
  line->abort();
  for (int i = 0; i < 5000 && waiting() > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(waiting(), 0u);
}

TEST_F(ends, a_peer_that_closed_is_read_to_its_end_though_a_write_failed) {
  connect();
  open();
  asio::write(far, asio::buffer("answer", 6));
  far.close();
  std::error_code code;
  while (!code) near.write_some(asio::buffer("x", 1), code);
  EXPECT_EQ(code, errc::aborted);
  EXPECT_EQ(read_to_end(near, code), "answer");
  EXPECT_EQ(code, asio::error::eof);
}

TEST_F(ends, delivered_is_not_said_of_what_a_closed_reader_discarded) {
  connect();
  open();
  const auto text = pattern(1 << 20);
  asio::write(near, asio::buffer(text));  // more than the window of a flow that nobody reads
  auto delivered = near.async_wait(stream::wait_type::delivered, asio::use_future);
  far.close();
  EXPECT_THROW(delivered.get(), std::system_error);
  const auto status = near.status();
  EXPECT_GT(status.discarded, 0u);
  EXPECT_EQ(status.acknowledged + status.discarded, text.size());
  std::error_code code;
  near.wait(stream::wait_type::delivered, code);
  EXPECT_EQ(code, errc::aborted);
  EXPECT_EQ(read_to_end(near, code), "");
  near.wait(stream::wait_type::done, code);
  EXPECT_EQ(code, errc::aborted) << "the end was not in order";
}

TEST_F(ends, a_flow_is_ended_by_its_id_and_its_link_lives_on) {
  connect();
  open();
  const auto id = server->status().links.at(0).flows.at(0).id;
  const auto ended = server->end_flow(id);
  ASSERT_FALSE(ended.code) << ended.detail;
  std::error_code code;
  read_to_end(far, code);
  EXPECT_EQ(code, errc::aborted);
  read_to_end(near, code);
  EXPECT_EQ(code, errc::aborted);
  EXPECT_EQ(server->end_flow(id).code, errc::closed);
  open();
  asio::write(near, asio::buffer("more", 4));
  near.shutdown_send();
  EXPECT_EQ(read_to_end(far, code), "more");
}

TEST_F(ends, delivered_is_not_said_when_the_flow_is_ended_by_its_id) {
  connect();
  open();
  const auto text = pattern(1 << 20);
  asio::write(near, asio::buffer(text));  // more than the window of a flow that nobody reads
  auto delivered = near.async_wait(stream::wait_type::delivered, asio::use_future);
  ASSERT_FALSE(client->end_flow(client->status().links.at(0).flows.at(0).id).code);
  EXPECT_THROW(delivered.get(), std::system_error);
  std::error_code code;
  near.wait(stream::wait_type::delivered, code);
  EXPECT_EQ(code, errc::aborted);
}

TEST_F(ends, a_link_is_ended_by_its_id_and_its_peer_learns_it) {
  connect();
  open();
  const auto id = server->status().links.at(0).id;
  const auto ended = server->end_link(id);
  ASSERT_FALSE(ended.code) << ended.detail;
  std::error_code code;
  read_to_end(far, code);
  EXPECT_EQ(code, errc::aborted);
  read_to_end(near, code);
  EXPECT_EQ(code, errc::peer_lost);
  EXPECT_EQ(server->end_link(id).code, errc::closed);
}

TEST_F(ends, delivered_is_not_said_when_the_link_is_over) {
  connect();
  open();
  asio::write(near, asio::buffer("acknowledged", 12));
  near.async_wait(stream::wait_type::delivered, asio::use_future).get();
  auto other = line->open_stream();
  asio::write(other, asio::buffer(pattern(1 << 20)));
  auto delivered = other.async_wait(stream::wait_type::delivered, asio::use_future);
  line->abort();
  EXPECT_THROW(delivered.get(), std::system_error);
  std::error_code code;
  other.wait(stream::wait_type::delivered, code);
  EXPECT_TRUE(code);
  near.wait(stream::wait_type::delivered, code);
  EXPECT_FALSE(code) << "that one's bytes are there";
}

TEST_F(ends, what_was_readable_stays_readable_when_the_link_is_over_and_frees_the_engine) {
  connect();
  open();
  asio::write(near, asio::buffer("kept", 4));
  near.async_wait(stream::wait_type::delivered, asio::use_future).get();
  line->abort();
  std::error_code code;
  far.wait(stream::wait_type::done, code);
  EXPECT_TRUE(code);
  EXPECT_EQ(server->status().links.size(), 0u) << "nothing of it is left in the engine";
  EXPECT_EQ(server->status().budget_used, 0u);
  EXPECT_EQ(read_to_end(far, code), "kept");
  EXPECT_EQ(code, errc::peer_lost);
}

TEST_F(ends, what_a_closed_flow_wrote_survives_the_linger_of_its_link_while_the_reader_pauses) {
  serve();
  link_options options;
  options.linger = 1ms;
  dial({door->port()}, options);
  open();
  const auto text = pattern(1 << 20);
  asio::write(near, asio::buffer(text));
  near.close();
  line.reset();  // the last handle: the link is closed in order
  std::error_code code;
  EXPECT_TRUE(read_to_end(far, code) == text);
  EXPECT_EQ(code, asio::error::eof);
}

}  // namespace
}  // namespace rendr::test
