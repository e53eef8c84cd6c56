// SPDX-License-Identifier: Apache-2.0
#include "rendr/credentials.hpp"

#include <gtest/gtest.h>

#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <future>
#include <string>
#include <system_error>
#include <variant>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

secret_key key_of(unsigned char value) {
  secret_key key;
  for (auto& b : key.span()) b = std::byte{value};
  return key;
}

/// A server that demands a pre-shared key and one of two client keys.
struct credentials_over_sockets : linked_test {
  void serve_with_keys() {
    runtime_options options;
    options.accepted_credentials.psk = key_of(1);
    options.accepted_credentials.own_key = key_of(2);
    options.accepted_credentials.allowed_keys = {public_key_of(key_of(3)),
                                                 public_key_of(key_of(4))};
    serve(std::move(options));
  }
  static link_options client_with(unsigned char psk, unsigned char own, unsigned char server) {
    link_options options;
    options.credentials.psk = key_of(psk);
    options.credentials.own_key = key_of(own);
    options.credentials.peer_key = public_key_of(key_of(server));
    return options;
  }
  /// The link must fail with `auth_failed` and say this.
  void expect_refused(link_options options, const std::string& part) {
    if (!client) client = std::make_unique<runtime>();
    link attempt(*client);
    options.paths = {path_to(door->port())};
    options.dial_deadline = 300ms;
    const auto why = attempt.connect(std::move(options));
    EXPECT_EQ(why.code, errc::auth_failed) << why.detail;
    EXPECT_NE(why.detail.find(part), std::string::npos) << why.detail;
  }
  void expect_echo(const std::string& text) {
    asio::write(near, asio::buffer(text));
    std::string got(text.size(), '\0');
    asio::read(far, asio::buffer(got));
    EXPECT_EQ(got, text);
  }
};

TEST_F(credentials_over_sockets, who_proves_everything_makes_a_link_of_several_paths) {
  serve_with_keys();
  const auto port = door->port();
  std::promise<void> joined;
  auto options = client_with(1, 3, 2);
  options.on_event = [&joined](const link_event& event) {
    const auto* change = std::get_if<events::path_changed>(&event.what);
    if (change != nullptr && change->path == "p2" && change->from == path_phase::attaching) {
      joined.set_value();
    }
  };
  dial({port, port}, std::move(options));
  open();
  expect_echo("over the first path");
  ASSERT_EQ(joined.get_future().wait_for(10s), std::future_status::ready);
  const auto why = line->migrate("p2");
  ASSERT_FALSE(why.code) << why.detail;
  expect_echo("and over one that joined by the link's key");
}

TEST_F(credentials_over_sockets, each_missing_proof_is_auth_failed_and_harms_no_other_link) {
  serve_with_keys();
  dial({door->port()}, client_with(1, 3, 2));
  open();
  expect_refused(client_with(9, 3, 2), "pre-shared key is another one");
  expect_refused(client_with(1, 5, 2), "is not on the list of allowed keys");
  expect_refused(client_with(1, 3, 8), "the pinned public key is not that of this server");
  link_options shared_key_alone;
  shared_key_alone.credentials.psk = key_of(1);
  expect_refused(std::move(shared_key_alone), "a pre-shared key is not enough");
  expect_refused({}, "takes clients with an allowed key alone");
  EXPECT_EQ(server->status().links.size(), 1u);
  expect_echo("the living link goes on");
}

TEST_F(credentials_over_sockets, a_server_without_keys_is_not_believed) {
  serve();
  link_options options;
  options.credentials.psk = key_of(1);
  expect_refused(options, "has no pre-shared key");
  expect_refused(client_with(1, 3, 2), "has no key that a client could know it by");
  EXPECT_EQ(server->status().links.size(), 0u);
}

TEST_F(credentials_over_sockets, parts_that_do_not_fit_are_refused_before_anything_begins) {
  serve();
  client = std::make_unique<runtime>();
  link attempt(*client);
  link_options options;
  options.paths = {path_to(door->port())};
  options.credentials.own_key = key_of(1);
  const auto why = attempt.start(options);
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_NE(why.detail.find("peer_key"), std::string::npos) << why.detail;
  EXPECT_FALSE(attempt.is_open());

  runtime_options wrong;
  wrong.accepted_credentials.allowed_keys = {public_key_of(key_of(3))};
  try {
    const runtime refused(wrong);
    FAIL() << "a list of clients without a key of its own";
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), errc::invalid_argument);
    EXPECT_NE(std::string(e.what()).find("own_key"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace rendr::test
