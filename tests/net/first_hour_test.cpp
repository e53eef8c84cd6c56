// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// What a program meets on its first day with the library: the sentence of each failure, and short
// ways to fill in options, which the compiler takes without a warning.
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <string>
#include <system_error>

#include "cli_plain_socket.hpp"
#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

class first_hour : public linked_test {
 protected:
  /// What a coroutine learns that connects in an io_context of its own.
  failure connect_in_a_coroutine(rendr::link& dialled, asio::io_context& context,
                                 link_options options) {
    failure learned;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
          try {
            co_await dialled.async_connect(std::move(options), asio::use_awaitable);
          } catch (const std::system_error& failed) {
            learned = {failed.code(), dialled.error().detail};
          }
        },
        [&](std::exception_ptr) { context.stop(); });
    context.restart();
    context.run();
    return learned;
  }
};

TEST_F(first_hour, a_coroutine_learns_the_sentence_of_a_link_that_could_not_begin) {
  asio::io_context context;
  runtime own(context);
  rendr::link dialled(own);
  const auto why = connect_in_a_coroutine(
      dialled, context, {.paths = {path_to(1, "fiber")}, .root = "selector(lte)"});
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_NE(why.detail.find("lte"), std::string::npos) << why.detail;
  EXPECT_FALSE(dialled.is_open());
}

TEST_F(first_hour, a_coroutine_learns_the_sentence_of_dials_that_failed) {
  asio::io_context context;
  runtime own(context);
  rendr::link dialled(own);
  const auto why = connect_in_a_coroutine(
      dialled, context,
      {.paths = {path_to(free_port(), "fiber")}, .dial_deadline = std::chrono::seconds(2)});
  EXPECT_EQ(why.code, errc::no_path);
  EXPECT_NE(why.detail.find("fiber"), std::string::npos) << why.detail;
  EXPECT_NE(why.detail.find("refused"), std::string::npos) << why.detail;
}

TEST_F(first_hour, a_start_that_was_refused_is_forgotten_by_the_next_one_that_begins) {
  serve();
  runtime own;
  rendr::link dialled(own);
  EXPECT_EQ(dialled.start({}).code, errc::invalid_argument);
  EXPECT_EQ(dialled.error().code, errc::invalid_argument);
  EXPECT_NE(dialled.error().detail.find("paths: 0"), std::string::npos) << dialled.error().detail;
  const auto begun = dialled.connect(
      {.paths = {path_to(door->port())}, .dial_deadline = std::chrono::seconds(20)});
  EXPECT_FALSE(begun.code) << begun.detail;
  EXPECT_FALSE(dialled.error().code) << dialled.error().detail;
  EXPECT_TRUE(dialled.is_open());
  own.shutdown();
  server->shutdown();
}

TEST_F(first_hour, options_are_filled_in_by_name_without_a_warning) {
  // GCC's -Wmissing-field-initializers warns of every member that neither stands here nor has a
  // value of its own; warnings of the build fail the run of all checks.
  const link_options dial = {.paths = {{.name = "fiber", .host = "host", .port = 7000}}};
  const listen_options where = {.host = "127.0.0.1"};
  const runtime_options many = {.loops = 2};
  const open_options under = {.root = "control"};
  const credentials shared = {.psk = secret_key()};
  const connection made = {.fd = 3};
  const failure told = {.code = errc::closed};
  EXPECT_EQ(dial.paths.front().transport, "tcp");
  EXPECT_EQ(where.port, 0);
  EXPECT_TRUE(many.accepted_credentials.empty());
  EXPECT_TRUE(under.metadata.empty());
  EXPECT_FALSE(shared.own_key);
  EXPECT_FALSE(made.code);
  EXPECT_TRUE(told.detail.empty());
}

}  // namespace
}  // namespace rendr::test
