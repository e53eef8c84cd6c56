// SPDX-License-Identifier: Apache-2.0
// The soak: mixed traffic through `rendr forward` and `rendr serve`, and through links of the
// library in this process, over emulated links behind a NAT, under random faults. At the end
// nothing may have grown, nothing may be left, and every byte must have been right. Grown is what
// does not come back: memory is compared at rest, after a warm-up with faults and after the run.
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "lab/lab_report.hpp"
#include "lab/soak/faults.hpp"
#include "lab/soak/meters.hpp"
#include "lab/soak/programs.hpp"
#include "lab/soak/rest.hpp"
#include "lab/soak/traffic.hpp"
#include "rendr/rendr.hpp"
#include "support/emulated_nat.hpp"
#include "support/nft.hpp"

namespace rendr::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* usage =
    "usage: soak --rendr=PROGRAM [--seconds=N] [--seed=N] [--json=FILE] [--work=FOLDER]\n";
constexpr std::size_t link_count = 3;
constexpr std::uint16_t serve_port = 7000;
constexpr std::uint16_t library_port = 7100;
constexpr std::uint16_t answer_port = 9000;
constexpr std::uint16_t forward_port = 8000;
constexpr std::uint64_t mbit = 1'000'000 / 8;
constexpr double mebibyte = 1024 * 1024;
constexpr double kibibyte = 1024;
constexpr double heap_slack =
    128;  // KiB: the spare buffers of a pool, queues that grow to their size
constexpr double resident_slack =
    2048;  // KiB: holes that the small buffers of a fault leave in the heap

struct plan {
  std::string rendr;
  std::uint64_t seconds = 300;
  std::uint64_t seed = 1;
  std::string json;
  std::string work = "/tmp";
};

plan parse(int argc, char** argv) {
  plan p;
  const auto number = [](std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      throw std::invalid_argument(usage);
    }
    return value;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view option(argv[i]);
    const auto value = option.substr(std::min(option.find('=') + 1, option.size()));
    if (option.starts_with("--rendr=")) {
      p.rendr = value;
    } else if (option.starts_with("--seconds=")) {
      p.seconds = number(value);
    } else if (option.starts_with("--seed=")) {
      p.seed = number(value);
    } else if (option.starts_with("--json=")) {
      p.json = value;
    } else if (option.starts_with("--work=")) {
      p.work = value;
    } else {
      throw std::invalid_argument(usage);
    }
  }
  if (p.rendr.empty() || p.seconds < 20) throw std::invalid_argument(usage);
  return p;
}

double count(std::uint64_t n) { return static_cast<double>(n); }

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Tries until it is true; throws after `longest`.
void await(const char* what, duration longest, const std::function<bool()>& happened) {
  for (const auto end = now() + std::chrono::duration<double>(longest).count(); !happened();) {
    if (now() > end) throw std::runtime_error(std::string("in vain: ") + what);
    ::poll(nullptr, 0, 50);
  }
}

void shape(emulator& net) {
  struct line {
    std::uint64_t rate;
    duration delay;
  };
  constexpr std::array<line, link_count> lines{
      {{40 * mbit, 5ms}, {20 * mbit, 20ms}, {30 * mbit, 12ms}}};
  for (std::size_t i = 0; i < link_count; ++i) {
    net.change(i, way::both, [&](lane_settings& s) {
      s.rate = lines.at(i).rate;
      s.delay = lines.at(i).delay;
      s.queue = 128 * 1024;
    });
  }
}

std::vector<std::string> path_texts(std::uint16_t port) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < link_count; ++i) {
    texts.push_back("line" + std::to_string(i) + "=tcp://" + text(emulator::server_address(i)) +
                    ":" + std::to_string(port) + ",bind=" + text(emulator::client_address(i)));
  }
  return texts;
}

/// The service behind `rendr serve`, and the one behind the library's listener: a thread for each
/// conversation.
class answers {
 public:
  answers(const netns& where, listener& door, tally& seen) : seen_(seen) {
    const netns::scope there(where);
    socket_ = listen_on(answer_port);
    tcp_ = std::jthread([this](const std::stop_token& until) { accept_tcp(until); });
    library_ = std::jthread([this, &door] { accept_flows(door); });
  }
  /// After the doors are closed.
  ~answers() {
    tcp_.request_stop();
    tcp_.join();
    library_.join();
    await("the end of every conversation", 120s, [this] { return open_ == 0; });
  }
  std::size_t open() const { return open_; }

 private:
  void accept_tcp(const std::stop_token& until) {
    while (!until.stop_requested()) {
      pollfd wait{socket_.get(), POLLIN, 0};
      if (::poll(&wait, 1, 200) <= 0) continue;
      owned_fd fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd.get() >= 0) converse("rendr serve", channel_over(std::move(fd)));
    }
  }
  void accept_flows(listener& door) {
    for (std::error_code code;;) {
      auto flow = door.accept(code);
      if (code) return;
      converse("listener", channel_over(flow.accept()));
    }
  }
  void converse(const char* behind, std::unique_ptr<channel> with) {
    ++open_;
    std::thread([this, behind, mine = std::move(with)]() mutable {
      try {
        answer(*mine, seen_);
      } catch (const std::exception& error) {
        seen_.fail(std::string("behind ") + behind + ": " + error.what());
      }
      mine.reset();
      --open_;
    }).detach();
  }

  tally& seen_;
  owned_fd socket_;
  std::atomic<std::size_t> open_ = 0;
  std::jthread tcp_;
  std::jthread library_;
};

/// Two runtimes of this process, each in its namespace, with one link between them.
struct library_pair {
  explicit library_pair(const emulator& net) {
    {
      const netns::scope there(net.server());
      server.emplace();
      door.emplace(*server);
      listen_options where;
      where.host = "*";
      where.port = library_port;
      where.insecure = true;
      check(door->listen(where));
    }
    const netns::scope there(net.client());
    client.emplace();
    over.emplace(*client);
    link_options how;
    failure why;
    if (!parse_path_specs(path_texts(library_port), how.paths, why)) check(why);
    how.root = "all: bond(line0, line1, line2)";
    how.insecure = true;
    how.grace = duration::max();
    check(over->connect(std::move(how)));
  }
  static void check(const failure& why) {
    if (why.code) throw std::runtime_error(why.detail);
  }
  bool whole() const {
    const auto status = client->status();
    return std::all_of(status.links.at(0).paths.begin(), status.links.at(0).paths.end(),
                       [](const path_status& path) {
                         return path.phase == path_phase::active ||
                                path.phase == path_phase::standby;
                       });
  }
  std::uint64_t deaths() const {
    std::uint64_t sum = 0;
    for (const auto& link : client->status().links) {
      for (const auto& path : link.paths) sum += path.deaths;
    }
    return sum;
  }

  double kept() const {
    return static_cast<double>(client->status().slab_kept + server->status().slab_kept);
  }

  std::optional<runtime> server, client;
  std::optional<listener> door;
  std::optional<link> over;
};

volatile std::sig_atomic_t interrupted = 0;

class soak {
 public:
  explicit soak(const plan& p)
      : plan_(p),
        net_(link_count, p.seed),
        report_("soak: random faults under mixed traffic", "the system's") {
    shape(net_);
    if (const auto why = nft::unavailable(); why.empty()) {
      nat_.emplace(net_);
    } else {
      report_.note("No NAT: " + why);
    }
    serve_log_ = plan_.work + "/serve.log";
    forward_log_ = plan_.work + "/forward.log";
    serve_heap_ = plan_.work + "/serve.heap";
    forward_heap_ = plan_.work + "/forward.heap";
    library_.emplace(net_);
    answers_.emplace(net_.server(), *library_->door, seen_);
    serve_.emplace(net_.server(), serve_words(), serve_log_, serve_heap_);
    forward_.emplace(net_.client(), forward_words(), forward_log_, forward_heap_);
    await("the first paths", 20s, [this] { return library_->whole() && forward_is_whole(); });
    make_meters();
    warm_up();
    const auto flows = seen_.flows.load();
    const auto deaths = deaths_of_all();
    rest_.look_first();
    for (auto* one : {&*serve_, &*forward_}) first_.push_back(look_at(one->pid()));
    own_first_ = look_at(::getpid());
    flows_before_ = flows;
    deaths_before_ = deaths;
  }

  bool run() {
    std::printf("seed %s, %s s, %s\n", std::to_string(plan_.seed).c_str(),
                std::to_string(plan_.seconds).c_str(), nat_ ? "behind a NAT" : "without a NAT");
    {
      traffic through("rendr forward", tcp_opener(), in_client(), plan_.seed + 1, seen_);
      traffic inside("library", flow_opener(), nullptr, plan_.seed + 2, seen_);
      faults trouble(net_, nat_ ? &*nat_ : nullptr, link_count, plan_.seed + 3, plan_.work);
      measure();
      trouble.stop();
      faults_ = trouble.counts();
      deaths_ = library_->deaths();
      strays_ = nat_ ? nat_->strays() : 0;
      std::printf("faults are over, every conversation comes to its end\n");
      std::fflush(stdout);
    }
    settle();
    rest_.look_last();
    end_programs();
    judge();
    report_.print();
    return report_.write(plan_.json) && !report_.missed();
  }

 private:
  std::vector<std::string> serve_words() const {
    return {plan_.rendr,
            "serve",
            "--listen=tcp://0.0.0.0:" + std::to_string(serve_port),
            "--to=all=127.0.0.1:" + std::to_string(answer_port),
            "--state-dir=" + plan_.work + "/state",
            "--insecure",
            "--log-level=debug"};
  }
  std::vector<std::string> forward_words() const {
    std::vector<std::string> words{plan_.rendr,
                                   "forward",
                                   "--listen=127.0.0.1:" + std::to_string(forward_port),
                                   "--to=all",
                                   "--root=best: selector(line0, line1, line2)",
                                   "--insecure",
                                   "--log-level=debug"};
    for (const auto& path : path_texts(serve_port)) words.push_back("--path=" + path);
    return words;
  }
  bool forward_is_whole() const {
    return lines_with(forward_log_, "attaching -> ") >= link_count &&
           lines_with(forward_log_, "listening on") > 0;
  }
  std::function<std::shared_ptr<void>()> in_client() {
    return [this] { return std::make_shared<netns::scope>(net_.client()); };
  }
  static opener tcp_opener() {
    return [] { return channel_over(connect_to(forward_port)); };
  }
  opener flow_opener() {
    return [this] { return channel_over(library_->over->open_stream()); };
  }
  /// A short run of everything, faults too, so that what is made once is made before the first
  /// look.
  void warm_up() {
    {
      traffic through("warm-up", tcp_opener(), in_client(), plan_.seed + 4, seen_);
      traffic inside("warm-up", flow_opener(), nullptr, plan_.seed + 5, seen_);
      faults trouble(net_, nat_ ? &*nat_ : nullptr, link_count, plan_.seed + 6, plan_.work);
      for (auto left = std::clamp<std::uint64_t>(plan_.seconds / 5, 8, 120); left > 0; --left) {
        stop_if_interrupted();
        ::poll(nullptr, 0, 1000);
      }
      trouble.stop();
    }
    await("the end of the warm-up", 120s,
          [this] { return answers_->open() == 0 && library_->whole(); });
  }
  static void stop_if_interrupted() {
    if (interrupted != 0) throw std::runtime_error("interrupted");
  }

  /// While faults come and go, memory follows them: of that nothing is claimed. What is claimed is
  /// claimed at rest.
  void make_meters() {
    meters_.push_back({"memory of rendr serve (RssAnon)", "MiB", std::nullopt,
                       [this] { return count(look_at(serve_->pid()).anonymous) / mebibyte; }});
    meters_.push_back({"memory of rendr forward (RssAnon)", "MiB", std::nullopt,
                       [this] { return count(look_at(forward_->pid()).anonymous) / mebibyte; }});
    meters_.push_back({"heap of rendr serve (mallinfo2)", "MiB", std::nullopt,
                       [this] { return count(heap_of(serve_heap_)) / mebibyte; }});
    meters_.push_back({"heap of rendr forward (mallinfo2)", "MiB", std::nullopt,
                       [this] { return count(heap_of(forward_heap_)) / mebibyte; }});
    meters_.push_back({"heap of this process (mallinfo2), both library ends", "MiB", std::nullopt,
                       [] { return allocated() / mebibyte; }});
    meters_.push_back({"free buffers of both library ends", "MiB", std::nullopt,
                       [this] { return library_->kept() / mebibyte; }});
    meters_.push_back({"descriptors of rendr serve", "", 8,
                       [this] { return static_cast<double>(look_at(serve_->pid()).descriptors); }});
    meters_.push_back({"descriptors of rendr forward", "", 8, [this] {
                         return static_cast<double>(look_at(forward_->pid()).descriptors);
                       }});
    meters_.push_back({"buffers in use by the library's listener", "MiB", std::nullopt, [this] {
                         return static_cast<double>(library_->server->status().slab_bytes) /
                                mebibyte;
                       }});
    meters_.push_back({"flows of the library's link", "", 4, [this] {
                         const auto links = library_->client->status().links;
                         return links.empty() ? 0 : static_cast<double>(links[0].flows.size());
                       }});
    for (auto& one : meters_) one.points.reserve(plan_.seconds);  // grows in nobody's heap later
    rest_figures();
  }
  void rest_figures() {
    rest_.add({"heap of rendr serve", heap_slack,
               [this] { return count(heap_of(serve_heap_)) / kibibyte; }});
    rest_.add({"heap of rendr forward", heap_slack,
               [this] { return count(heap_of(forward_heap_)) / kibibyte; }});
    // The emulator is in this process too: its spare packets are none of the library's.
    rest_.add({"heap of this process, both library ends", 2 * heap_slack,
               [this] { return (allocated() - count(net_.memory())) / kibibyte; }});
    rest_.add({"free buffers of both library ends", 2 * heap_slack,
               [this] { return library_->kept() / kibibyte; }});
    rest_.add({"memory of rendr serve (RssAnon)", resident_slack,
               [this] { return count(look_at(serve_->pid()).anonymous) / kibibyte; }});
    rest_.add({"memory of rendr forward (RssAnon)", resident_slack,
               [this] { return count(look_at(forward_->pid()).anonymous) / kibibyte; }});
  }

  void measure() {
    const auto begin = now();
    auto told = begin;
    for (auto at = begin; at < begin + static_cast<double>(plan_.seconds); at = now()) {
      for (auto& one : meters_) one.sample(at - begin);
      if (at - told >= 60) {
        told = at;
        std::printf("%4.0f s: %.0f MiB compared, %zu failures, serve %.1f MiB, forward %.1f MiB\n",
                    at - begin, static_cast<double>(seen_.bytes) / mebibyte,
                    seen_.failures().size(), meters_[0].points.back().second,
                    meters_[1].points.back().second);
        std::fflush(stdout);
      }
      stop_if_interrupted();
      ::poll(nullptr, 0, 2000);
    }
  }

  /// Back to no more descriptors than before; a path that is being dialled has one for a moment.
  void settle() {
    const auto as_before = [this] {
      last_ = {look_at(serve_->pid()), look_at(forward_->pid())};
      own_last_ = look_at(::getpid());
      return last_[0].descriptors <= first_[0].descriptors &&
             last_[1].descriptors <= first_[1].descriptors &&
             own_last_.descriptors <= own_first_.descriptors && library_->whole();
    };
    try {
      await("no more descriptors than at first", 40s, as_before);
    } catch (const std::runtime_error&) {
      report_.note("The descriptors did not come back to those of the start within 40 s.");
    }
  }

  static double allocated() {
    const auto info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
  }

  void end_programs() {
    statuses_ = {forward_->end(), serve_->end()};
    library_->over->close();
    library_->client->shutdown();
    library_->door->close();
    answers_.reset();
    library_->server->shutdown();
    slabs_ = {library_->client->status().slab_bytes, library_->server->status().slab_bytes};
    library_.reset();
  }

  static lab_verdict verdict(bool good) { return good ? lab_verdict::ok : lab_verdict::missed; }

  void judge() {
    for (const auto& one : meters_) {
      report_.add(one.row());
      if (one.unit == "MiB") report_.add(lab_series{"soak", one.name, "s", "MiB", one.points, {}});
    }
    judge_traffic();
    for (auto& row : rest_.rows(count(seen_.flows - flows_before_),
                                count(deaths_of_forward() + deaths_ - deaths_before_))) {
      report_.add(std::move(row));
    }
    judge_ends();
    judge_faults();
  }
  void judge_traffic() {
    const auto failures = seen_.failures();
    for (const auto& one : failures) report_.note("An application saw: " + one);
    report_.add(
        {"soak",
         "what the applications saw",
         {{"compared", count(seen_.bytes) / mebibyte, "MiB"},
          {"messages", count(seen_.messages), ""},
          {"flows", count(seen_.flows), ""},
          {"after idleness", count(seen_.idle_returns), ""},
          {"longest wait", count(static_cast<std::uint64_t>(seen_.longest_wait)) / 1e6, "ms"},
          {"errors", count(failures.size()), ""}},
         "0 errors",
         "",
         verdict(failures.empty() && seen_.bytes > 0)});
  }
  void judge_ends() {
    const std::array<const char*, 2> names{"rendr serve", "rendr forward"};
    for (std::size_t i = 0; i < 2; ++i) {
      add_no_more(std::string("descriptors of ") + names[i], first_[i], last_[i]);
    }
    add_no_more("descriptors of this process", own_first_, own_last_);
    report_.add({"soak",
                 "the end",
                 {{"status of forward", static_cast<double>(statuses_[0]), ""},
                  {"status of serve", static_cast<double>(statuses_[1]), ""},
                  {"buffers left at the dialer", count(slabs_[0]), "bytes"},
                  {"buffers left at the listener", count(slabs_[1]), "bytes"}},
                 "all 0",
                 "",
                 verdict(statuses_[0] == 0 && statuses_[1] == 0 && slabs_[0] + slabs_[1] == 0)});
  }
  void add_no_more(std::string what, const process_figures& before, const process_figures& after) {
    report_.add({"soak",
                 std::move(what),
                 {{"at first", count(before.descriptors), ""},
                  {"at the end", count(after.descriptors), ""}},
                 "no more",
                 "",
                 verdict(after.descriptors <= before.descriptors)});
  }
  std::uint64_t deaths_of_forward() const {
    return lines_with(forward_log_, "-> dead (", "path ") -
           lines_with(forward_log_, "dialing -> dead", "path ") -
           lines_with(forward_log_, "attaching -> dead", "path ");
  }
  std::uint64_t deaths_of_all() const { return deaths_of_forward() + library_->deaths(); }
  void judge_faults() {
    lab_row row{"soak", "faults", {}, "", "", lab_verdict::reported};
    for (const auto& [kind, n] : faults_) row.figures.push_back({kind, count(n), ""});
    report_.add(row);
    std::uint64_t dark = 0;
    std::uint64_t slow = 0;
    for (std::size_t i = 0; i < link_count; ++i) {
      dark += net_.counters(i, way::both).darkened;
      slow += net_.device_drops(i);
    }
    // By the verdict of either end, whichever was first.
    std::uint64_t silent = 0;
    for (const auto* why : {"-> dead (silence", "-> dead (one way", "-> dead (first hop only"})
      silent += lines_with(forward_log_, why, "path ");
    const auto deaths = deaths_of_forward();
    report_.add({"soak",
                 "deaths of paths, as rendr counts them",
                 {{"rendr forward", count(deaths), ""},
                  {"of them silent", count(silent), ""},
                  {"library", count(deaths_), ""}},
                 "each > 0",
                 "packets: " + std::to_string(dark) + " into the dark, " + std::to_string(strays_) +
                     " without a mapping, " + std::to_string(slow) + " lost by a slow emulator",
                 verdict(deaths > 0 && silent > 0 && deaths_ > 0 && dark > 0)});
  }

  plan plan_;
  emulator net_;
  lab_report report_;
  tally seen_;
  std::optional<emulated_nat> nat_;
  std::string serve_log_, forward_log_, serve_heap_, forward_heap_;
  std::optional<library_pair> library_;
  std::optional<answers> answers_;
  std::optional<program> serve_, forward_;
  std::vector<meter> meters_;
  at_rest rest_;
  std::uint64_t flows_before_ = 0, deaths_before_ = 0;
  std::vector<process_figures> first_, last_;
  process_figures own_first_, own_last_;
  std::map<std::string, std::uint64_t> faults_;
  std::uint64_t deaths_ = 0;
  std::uint64_t strays_ = 0;
  std::array<int, 2> statuses_{};
  std::array<std::size_t, 2> slabs_{};
};

}  // namespace
}  // namespace rendr::test

int main(int argc, char** argv) {
  using namespace rendr::test;
  // One arena: what is allocated is then counted whole.
  ::mallopt(M_ARENA_MAX, 1);
  for (const int which : {SIGINT, SIGTERM}) ::signal(which, [](int) { interrupted = 1; });
  try {
    const auto chosen = parse(argc, argv);
    if (const auto why = netns::unavailable(); !why.empty()) {
      std::cout << why << std::endl;
      return 77;
    }
    return soak(chosen).run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
