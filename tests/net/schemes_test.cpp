// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// Transports by scheme: one that wraps another, as an embedder writes it, and those of rendr that
// need no network.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <charconv>
#include <future>
#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;
using bytes_of = std::span<const std::byte>;

// ---- the transport `xor`: tcp, each byte of it turned by a key, and counted

/// What the carriers of a test went through.
struct meter {
  std::atomic<std::uint64_t> read{0};
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> looked_at{0};
  std::mutex mutex;
  std::vector<std::function<void(carrier_addresses)>> movers;  ///< of each dialled carrier
};

void turn(std::span<std::byte> bytes, std::byte key) {
  for (auto& byte : bytes) byte ^= key;
}

class xor_io final : public stream_face {
 public:
  xor_io(std::shared_ptr<stream_face> inner, std::byte key, meter& count)
      : inner_(std::move(inner)), key_(key), count_(count) {}

  void set_sink(carrier_sink* sink) override {
    sink_ = sink;
    inner_->set_sink(sink);
  }
  io_result read(std::span<std::byte> into) override {
    const auto result = inner_->read(into);
    turn(into.first(result.size), key_);
    count_.read += result.size;
    return result;
  }
  io_result write(std::span<const bytes_of> pieces) override {
    turned_.clear();
    for (const auto& piece : pieces) turned_.insert(turned_.end(), piece.begin(), piece.end());
    turn(turned_, key_);
    const bytes_of whole(turned_);
    const auto result = inner_->write(std::span(&whole, 1));
    count_.written += result.size;
    return result;
  }
  void want_read() override { inner_->want_read(); }
  void want_write() override { inner_->want_write(); }
  std::optional<carrier_evidence> evidence() override { return inner_->evidence(); }
  carrier_addresses addresses() override { return moved_ ? *moved_ : inner_->addresses(); }
  void limit_unsent(std::uint32_t bytes) override { inner_->limit_unsent(bytes); }
  void shutdown_send() override { inner_->shutdown_send(); }
  void close() override {
    sink_ = nullptr;
    inner_->close();
  }
  void move(carrier_addresses to) {
    moved_ = std::move(to);
    if (sink_ != nullptr) sink_->addresses_changed();
  }

 private:
  const std::shared_ptr<stream_face> inner_;
  const std::byte key_;
  meter& count_;
  carrier_sink* sink_ = nullptr;
  std::vector<std::byte> turned_;
  std::optional<carrier_addresses> moved_;
};

/// `xor://host:port,key=90`
class xor_form final : public path_form {
 public:
  xor_form() : path_form("xor", {{"key", read_key, write_key}}) {}
  static std::byte key_of(const path_spec& from) {
    const auto found = from.options.find("key");
    return static_cast<std::byte>(found == from.options.end() ? 1 : std::stoi(found->second));
  }

 private:
  static std::string read_key(std::string_view value, path_spec& to) {
    int key = 0;
    const auto end = std::from_chars(value.data(), value.data() + value.size(), key);
    if (end.ec != std::errc() || end.ptr != value.data() + value.size() || key < 1 || key > 255)
      return "a whole number from 1 to 255";
    to.options["key"] = std::to_string(key);
    return {};
  }
  static std::string write_key(const path_spec& from) {
    const auto found = from.options.find("key");
    return found == from.options.end() ? std::string() : found->second;
  }
};

transport::opened wrapped(transport::opened result, std::byte key, meter& count) {
  if (result.io) result.io = std::make_shared<xor_io>(std::move(result.io), key, count);
  return result;
}

class xor_target final : public transport::target {
 public:
  xor_target(std::unique_ptr<transport::target> inner, std::byte key,
             asio::any_io_executor executor, meter& count)
      : inner_(std::move(inner)), key_(key), executor_(std::move(executor)), count_(count) {}
  std::unique_ptr<transport::dial> start(const transport::dial_terms& terms,
                                         transport::dial_handler done) override {
    return inner_->start(terms, [this, done = std::move(done)](transport::opened result) {
      auto made = wrapped(std::move(result), key_, count_);
      if (made.io) {
        const std::lock_guard lock(count_.mutex);
        count_.movers.push_back(
            [weak = std::weak_ptr(made.io), executor = executor_](const carrier_addresses& to) {
              asio::post(executor, [weak, to] {
                if (const auto io = weak.lock()) static_cast<xor_io&>(*io).move(to);
              });
            });
      }
      done(std::move(made));
    });
  }

 private:
  const std::unique_ptr<transport::target> inner_;
  const std::byte key_;
  asio::any_io_executor executor_;
  meter& count_;
};

class xor_dialer final : public transport::dialer {
 public:
  xor_dialer(std::unique_ptr<transport::dialer> inner, asio::any_io_executor executor, meter& count)
      : inner_(std::move(inner)), executor_(std::move(executor)), count_(count) {}
  std::unique_ptr<transport::target> aim(const path_spec& at) override {
    return std::make_unique<xor_target>(inner_->aim(at), xor_form::key_of(at), executor_, count_);
  }
  void network_changed() override { inner_->network_changed(); }

 private:
  const std::unique_ptr<transport::dialer> inner_;
  asio::any_io_executor executor_;
  meter& count_;
};

class xor_arrival final : public transport::arrival {
 public:
  xor_arrival(std::unique_ptr<transport::arrival> inner, std::byte key, meter& count)
      : inner_(std::move(inner)), key_(key), count_(count) {}
  std::string source() const override { return inner_->source(); }
  void look(std::size_t size, std::function<void(bytes_of)> done) override {
    inner_->look(size, [key = key_, &count = count_, done = std::move(done)](bytes_of first) {
      std::vector<std::byte> clear(first.begin(), first.end());
      turn(clear, key);
      ++count.looked_at;
      done(clear);
    });
  }
  transport::opened adopt(const asio::any_io_executor& executor) override {
    return wrapped(inner_->adopt(executor), key_, count_);
  }

 private:
  const std::unique_ptr<transport::arrival> inner_;
  const std::byte key_;
  meter& count_;
};

class xor_place final : public transport::place {
 public:
  xor_place(std::unique_ptr<transport::place> inner, std::byte key, meter& count)
      : inner_(std::move(inner)), key_(key), count_(count) {}
  std::unique_ptr<transport::listening> listen(const asio::any_io_executor& executor,
                                               const transport::listen_terms& terms,
                                               transport::listen_handlers to,
                                               failure& why) override {
    to.on_arrival = [key = key_, &count = count_, take = std::move(to.on_arrival)](auto from) {
      take(std::make_unique<xor_arrival>(std::move(from), key, count));
    };
    return inner_->listen(executor, terms, std::move(to), why);
  }

 private:
  const std::unique_ptr<transport::place> inner_;
  const std::byte key_;
  meter& count_;
};

class xor_scheme final : public transport::scheme {
 public:
  explicit xor_scheme(meter& count) : count_(count) {}
  const path_form& form() const override { return form_; }
  std::string elsewhere(const path_spec& path) const override { return inner_->elsewhere(path); }
  std::unique_ptr<transport::dialer> make_dialer(
      const asio::any_io_executor& executor) const override {
    return std::make_unique<xor_dialer>(inner_->make_dialer(executor), executor, count_);
  }
  bool finding_waits(const path_spec& at) const override { return inner_->finding_waits(at); }
  std::unique_ptr<transport::place> find_place(const path_spec& at) const override {
    return std::make_unique<xor_place>(inner_->find_place(at), xor_form::key_of(at), count_);
  }

 private:
  const xor_form form_;
  const std::shared_ptr<const scheme> inner_ = transport::find_scheme("tcp");
  meter& count_;
};

/// Registered in this process, once.
meter& xor_meter() {
  static meter count;
  static const failure registered = transport::register_scheme(std::make_shared<xor_scheme>(count));
  EXPECT_FALSE(registered.code) << registered.detail;
  return count;
}

path_spec parsed(const std::string& text) {
  path_spec path;
  failure why;
  EXPECT_TRUE(parse_path_spec(text, path, why)) << why.detail;
  return path;
}

class schemes : public linked_test {
 protected:
  void serve_at(path_spec at, runtime_options options = {}) {
    server = std::make_unique<runtime>(std::move(options));
    door = std::make_unique<listener>(*server);
    const auto failed = door->listen(at, {});
    ASSERT_FALSE(failed.code) << failed.detail;
  }
  failure try_dial(std::vector<path_spec> paths, duration deadline = 5s) {
    if (!client) client = std::make_unique<runtime>();
    line = std::make_unique<link>(*client);
    link_options options;
    options.paths = std::move(paths);
    options.dial_deadline = deadline;
    options.on_event = [this](const link_event& event) {
      const auto* path = std::get_if<events::path_changed>(&event.what);
      if (path != nullptr && path->from == path_phase::attaching && path->to == path_phase::standby)
        came_up_.release();
    };
    return line->connect(std::move(options));
  }
  void dial_texts(const std::vector<std::string>& texts) {
    std::vector<path_spec> paths;
    for (const auto& text : texts) paths.push_back(parsed(text));
    const auto failed = try_dial(std::move(paths));
    ASSERT_FALSE(failed.code) << failed.detail;
  }
  void paths_come_up(int count) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(came_up_.try_acquire_for(10s)) << i << " are up";
  }
  /// Sends `size` bytes there and has them sent back.
  void bytes_come_back_as_they_went(std::size_t size) {
    open();
    const auto sent = pattern(size);
    auto echoed = std::async(std::launch::async, [&] {
      std::string got(size, '\0');
      asio::read(far, asio::buffer(got));
      asio::write(far, asio::buffer(got));
      return got;
    });
    asio::write(near, asio::buffer(sent));
    std::string back(size, '\0');
    asio::read(near, asio::buffer(back));
    EXPECT_TRUE(echoed.get() == sent);
    EXPECT_TRUE(back == sent);
  }
  void serve_xor(runtime_options options = {}) {
    xor_meter();
    auto at = parsed("xor://127.0.0.1:7000,key=90");
    at.port = 0;  // which no text has
    serve_at(std::move(at), std::move(options));
  }
  std::string xor_text() const {
    return "xor://127.0.0.1:" + std::to_string(door->port()) + ",key=90";
  }

 private:
  std::counting_semaphore<> came_up_{0};
};

TEST_F(schemes, a_transport_that_wraps_another_carries_a_link_byte_by_byte) {
  constexpr std::size_t size = 4 << 20;
  auto& count = xor_meter();
  const std::uint64_t before = count.read;
  serve_xor();
  dial_texts({"a=" + xor_text()});
  bytes_come_back_as_they_went(size);
  EXPECT_GT(count.read - before, 2 * size) << "all of it went through the wrapping";
  EXPECT_EQ(door->addresses(), std::vector{"127.0.0.1:" + std::to_string(door->port())});
}

TEST_F(schemes, whoever_speaks_it_without_the_key_makes_no_link) {
  serve_xor();
  EXPECT_TRUE(try_dial({path_to(door->port())}, 500ms).code) << "tcp alone is not what it speaks";
  dial_texts({xor_text()});
  bytes_come_back_as_they_went(1000);
}

TEST_F(schemes, its_paths_find_the_loop_of_their_link_among_three) {
  auto& count = xor_meter();
  const std::uint64_t before = count.looked_at;
  runtime_options options;
  options.loops = 3;
  serve_xor(options);
  dial_texts({xor_text(), xor_text()});
  paths_come_up(2);
  bytes_come_back_as_they_went(100'000);
  EXPECT_GE(count.looked_at - before, 2u) << "the token is read through the wrapping";
}

TEST_F(schemes, its_text_has_its_keys_and_their_sentences) {
  xor_meter();
  EXPECT_EQ(to_text(parsed("b=xor://[::1]:7000,cost=2,key=07")), "b=xor://[::1]:7000,key=7,cost=2");
  path_spec out;
  failure why;
  EXPECT_FALSE(parse_path_spec("xor://host:7000,key=0", out, why));
  EXPECT_EQ(why.detail,
            "key \"0\": a whole number from 1 to 255\n"
            "  xor://host:7000,key=0\n"
            "                      ^");
  EXPECT_FALSE(parse_path_spec("xor://host:7000,bind=::1", out, why));
  EXPECT_EQ(
      why.detail.substr(0, why.detail.find('\n')),
      "unknown key \"bind\": the keys are key, cost, weight, fate, evidence, cold, plaintext");
  auto by_hand = parsed("xor://host:7000");
  by_hand.options["key"] = "900";
  EXPECT_FALSE(check_path_spec(by_hand, why));
}

TEST_F(schemes, off_loopback_it_is_refused_as_what_it_wraps) {
  xor_meter();
  const auto failed = try_dial({parsed("xor://192.0.2.1:7000")});
  EXPECT_EQ(failed.code, errc::permission_denied);
  server = std::make_unique<runtime>();
  door = std::make_unique<listener>(*server);
  const auto refused = door->listen(parsed("xor://0.0.0.0:7000"), {});
  EXPECT_EQ(refused.code, errc::permission_denied);
  EXPECT_EQ(refused.detail.substr(0, 35), "0.0.0.0:7000 is not on loopback, an");
}

TEST_F(schemes, status_shows_the_addresses_that_a_carrier_has_now) {
  auto& count = xor_meter();
  count.movers.clear();
  serve_xor();
  dial_texts({xor_text()});
  const auto before = line->status().paths.at(0);
  EXPECT_EQ(before.remote, "127.0.0.1:" + std::to_string(door->port()));
  ASSERT_EQ(count.movers.size(), 1u);
  count.movers.front()({"192.0.2.7:1", "192.0.2.9:2"});
  std::promise<void> moved;
  asio::post(line->get_executor(), [&] { moved.set_value(); });
  moved.get_future().get();
  const auto after = line->status().paths.at(0);
  EXPECT_EQ(after.local, "192.0.2.7:1");
  EXPECT_EQ(after.remote, "192.0.2.9:2");
  EXPECT_EQ(client->status().links.at(0).paths.at(0).local, "192.0.2.7:1");
  bytes_come_back_as_they_went(1000);
}

TEST_F(schemes, one_that_was_added_to_a_runtime_is_known_there_alone) {
  class other final : public transport::scheme {
   public:
    const path_form& form() const override { return form_; }

   private:
    const path_form form_{"other"};
  };
  client = std::make_unique<runtime>();
  ASSERT_FALSE(client->add_transport(std::make_shared<other>()).code);
  EXPECT_EQ(client->add_transport(std::make_shared<other>()).detail,
            "transport 'other': it is there already");
  path_spec path;
  failure why;
  EXPECT_TRUE(client->parse_path("other://host:7000", path, why)) << why.detail;
  EXPECT_EQ(path.transport, "other");
  EXPECT_FALSE(parse_path_spec("other://host:7000", path, why));
  const auto names = client->status().capabilities;
  EXPECT_EQ(std::count(names.begin(), names.end(), "other"), 1);
  const auto failed = try_dial({path}, 200ms);
  EXPECT_EQ(failed.detail, "p1: no transport 'other'");
  door = std::make_unique<listener>(*client);
  EXPECT_EQ(door->listen(path, {}).detail, "transport 'other' cannot be listened on");
}

TEST_F(schemes, one_that_the_machine_cannot_carry_is_no_capability) {
  class lacking final : public transport::scheme {
   public:
    const path_form& form() const override { return form_; }
    failure probe() const override { return {errc::unavailable, "no such device here"}; }

   private:
    const path_form form_{"lacking"};
  };
  client = std::make_unique<runtime>();
  ASSERT_FALSE(client->add_transport(std::make_shared<lacking>()).code);
  const auto names = client->status().capabilities;
  EXPECT_EQ(std::count(names.begin(), names.end(), "lacking"), 0);
  EXPECT_EQ(std::count(names.begin(), names.end(), "tcp"), 1);
}

TEST_F(schemes, words_that_are_none_and_taken_ones_are_refused) {
  class named final : public transport::scheme {
   public:
    named(std::string word, std::vector<path_key> keys) : form_(std::move(word), std::move(keys)) {}
    const path_form& form() const override { return form_; }

   private:
    const path_form form_;
  };
  const auto refused = [](std::string word, std::vector<path_key> keys = {}) {
    return transport::register_scheme(std::make_shared<named>(std::move(word), std::move(keys)))
        .detail;
  };
  EXPECT_EQ(refused("tcp"), "transport 'tcp': it is there already");
  EXPECT_EQ(refused("My://"),
            "transport 'My://': a scheme is a word of lower-case letters, digits, '+', '-' and "
            "'.'");
  const path_key cost{"cost", [](auto, auto&) { return std::string(); },
                      [](const auto&) { return std::string(); }};
  EXPECT_EQ(refused("keyed", {cost}),
            "transport 'keyed': its key 'cost' is no name, is taken, or cannot be read");
}

// ---- those of rendr that need no network

TEST_F(schemes, a_link_over_memory_alone) {
  serve_at(parsed("memory://door"));
  dial_texts({"memory://door", "memory://door"});
  EXPECT_EQ(door->addresses(), std::vector<std::string>{"memory://door"});
  EXPECT_EQ(door->port(), 0);
  bytes_come_back_as_they_went(2 << 20);
  EXPECT_EQ(line->status().paths.at(0).remote, "memory://door");
}

TEST_F(schemes, paths_in_memory_find_the_loop_of_their_link_among_three) {
  runtime_options options;
  options.loops = 3;
  serve_at(parsed("memory://loops"), options);
  dial_texts({"memory://loops", "memory://loops"});
  paths_come_up(2);
  bytes_come_back_as_they_went(2 << 20);
}

TEST_F(schemes, nobody_listens_twice_in_memory_and_nobody_is_dialled_who_does_not) {
  serve_at(parsed("memory://once"));
  EXPECT_EQ(door->listen(parsed("memory://once"), {}).code, std::errc::address_in_use);
  const auto failed = try_dial({parsed("memory://nobody")}, 200ms);
  EXPECT_NE(failed.detail.find("nobody listens on memory://nobody in this process"),
            std::string::npos)
      << failed.detail;
}

TEST_F(schemes, a_descriptor_that_was_passed_carries_a_link_once) {
  serve();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ASSERT_FALSE(door->adopt(ends[1]).code);
  const auto text = "fd://" + std::to_string(ends[0]);
  dial_texts({text});
  bytes_come_back_as_they_went(100'000);
  link again(*client);
  link_options options;
  options.paths = {parsed(text)};
  options.dial_deadline = 200ms;
  const auto failed = again.connect(options);
  EXPECT_NE(failed.detail.find("was not passed to this program, or was used already"),
            std::string::npos)
      << failed.detail;
}

TEST_F(schemes, a_descriptor_that_listens_is_no_connection) {
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(::listen(listening, 1), 0);
  const auto failed = try_dial({parsed("fd://" + std::to_string(listening))}, 200ms);
  EXPECT_NE(failed.detail.find("is not a connected stream socket"), std::string::npos)
      << failed.detail;
  ::close(listening);
}

}  // namespace
}  // namespace rendr::test
