// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/demo_stage.hpp"
#include "cli/demo_summary.hpp"
#include "cli/demo_transfer.hpp"
#include "cli/demo_view.hpp"
#include "cli/demo_watch.hpp"
#include "cli/format.hpp"
#include "cli/signals.hpp"

namespace rendr::cli {

using namespace std::chrono_literals;

namespace {

constexpr auto tick = 10ms;           // cuts are due so precisely
constexpr auto sample_period = 50ms;  // of the counters
constexpr auto live_period = 100ms;
constexpr auto plain_period = 1s;
constexpr auto attach_limit = 10s;  // for all three paths, before the transfer begins
constexpr auto stall_limit = 60s;   // nothing delivered for so long: the run has failed

/// One run of the demo on the main thread: watches, cuts, shows.
class show {
 public:
  show(const demo_options& options, console& to, demo_file& file)
      : options_(options),
        console_(to),
        file_(file),
        pending_(options.cuts),
        stage_(options, [this](const link_event& event) { watch_.on_event(event); }),
        transfer_(file, stage_.over(), stage_.at()),
        timer_(context_),
        signals_(context_) {
    heed(signals_, {SIGINT, SIGTERM});
  }

  ~show() { stage_.abort(); }

  exit_code run();

 private:
  void await_signal();
  void schedule();
  void step();
  void start_when_attached();
  void cut_what_is_due();
  void carry_out(const cut& planned);
  void draw();
  exit_code conclude();

  const demo_options& options_;
  console& console_;
  demo_file& file_;
  std::vector<cut> pending_;
  demo_watch watch_;
  demo_stage stage_;
  demo_transfer transfer_;
  asio::io_context context_{1};
  asio::steady_timer timer_;
  asio::signal_set signals_;
  std::chrono::steady_clock::time_point opened_{};
  std::chrono::steady_clock::time_point sampled_{};
  std::chrono::steady_clock::time_point drawn_{};
  std::chrono::steady_clock::time_point progressed_{};
  std::uint64_t progress_ = 0;
  bool began_ = false;
  bool interrupted_ = false;
  std::string broken_;  ///< why the run was given up
};

exit_code show::run() {
  opened_ = std::chrono::steady_clock::now();
  if (const auto why = stage_.open(); why.code) {
    console_.error(why.detail.empty() ? why.code.message() : why.detail);
    return exit_code_of(why.code);
  }
  await_signal();
  schedule();
  context_.run();
  console_.live({});
  if (!began_) {
    console_.error(broken_.empty() ? "interrupted" : broken_);
    return exit_code::failed;
  }
  return conclude();
}

void show::await_signal() {
  signals_.async_wait([this](std::error_code code, int) {
    if (code) return;
    if (interrupted_) std::_Exit(static_cast<int>(exit_code::failed));
    interrupted_ = true;
    broken_ = "interrupted";
    stage_.abort();
    await_signal();
  });
}

void show::schedule() {
  timer_.expires_after(tick);
  timer_.async_wait([this](std::error_code code) {
    if (!code) step();
  });
}

void show::step() {
  const auto now = std::chrono::steady_clock::now();
  if (!began_) {
    if (interrupted_) return context_.stop();
    start_when_attached();
    if (!broken_.empty()) return context_.stop();
    return schedule();
  }
  if (now - sampled_ >= sample_period) {
    sampled_ = now;
    watch_.sample(stage_.sender_status(), transfer_.received());
  }
  for (const auto& line : watch_.new_lines()) console_.info(line);
  if (transfer_.done()) return context_.stop();
  if (transfer_.received() != progress_) {
    progress_ = transfer_.received();
    progressed_ = now;
  } else if (now - progressed_ > stall_limit && broken_.empty()) {
    broken_ = "nothing was delivered for " + format_duration(stall_limit);
    stage_.abort();
  }
  cut_what_is_due();
  draw();
  schedule();
}

void show::start_when_attached() {
  watch_.sample(stage_.sender_status(), 0);
  watch_.new_lines();
  const auto& paths = watch_.status().paths;
  const bool ready =
      paths.size() == demo_paths.size() && std::all_of(paths.begin(), paths.end(), [](auto& p) {
        return p.phase == path_phase::active || p.phase == path_phase::standby;
      });
  if (ready) {
    began_ = true;
    progressed_ = std::chrono::steady_clock::now();
    console_.info("sending " + format_size(file_.size()) + " under " + options_.root);
    watch_.begin();
    return transfer_.start();
  }
  if (std::chrono::steady_clock::now() - opened_ > attach_limit) {
    broken_ = "the three paths were not attached in " + format_duration(attach_limit);
    for (const auto& p : paths) broken_ += "; " + p.name + " is " + std::string(to_string(p.phase));
  }
}

void show::cut_what_is_due() {
  const auto age = watch_.age();
  const auto percent = transfer_.received() * 100 / file_.size();
  for (auto it = pending_.begin(); it != pending_.end();) {
    const bool due = it->percent ? percent >= *it->percent : age >= it->after;
    if (!due) {
      ++it;
      continue;
    }
    const cut planned = *it;
    it = pending_.erase(it);
    carry_out(planned);
  }
}

void show::carry_out(const cut& planned) {
  watch_.sample(stage_.sender_status(), transfer_.received());
  done_cut done;
  done.kind = planned.kind;
  const auto named = std::find(demo_paths.begin(), demo_paths.end(), planned.path);
  done.path = named == demo_paths.end() ? watch_.busiest()
                                        : static_cast<std::size_t>(named - demo_paths.begin());
  if (planned.kind == cut_kind::migrate && planned.path.empty()) {
    done.path = (done.path + 1) % demo_paths.size();  // away from the busiest
  }
  done.at = watch_.age();
  switch (planned.kind) {
    case cut_kind::kill:
      done.connections = stage_.relay(done.path).kill(planned.length);
      break;
    case cut_kind::silent:
      done.connections = stage_.relay(done.path).silence(planned.length);
      break;
    case cut_kind::migrate:
      done.why = stage_.over().migrate(demo_paths[done.path]);
      done.connections = done.why.code ? 0 : 1;
      break;
  }
  console_.highlight("31;1", format_duration(done.at) + "  cut: " + to_text(done));
  watch_.note(std::move(done));
}

void show::draw() {
  const auto now = std::chrono::steady_clock::now();
  const bool live = console_.term().live;
  if (now - drawn_ < (live ? std::chrono::milliseconds(live_period) : plain_period)) return;
  drawn_ = now;
  const demo_progress progress{transfer_.received(), file_.size(), watch_.age()};
  if (live) {
    console_.live(live_rows(watch_, progress, console_));
  } else {
    console_.info(plain_row(watch_, progress));
  }
}

exit_code show::conclude() {
  const auto sending = stage_.sender_status();
  const auto receiving = stage_.receiver_status();
  const auto outcome = transfer_.finish();
  for (const auto& line : watch_.new_lines()) console_.info(line);
  demo_summary summary(options_, watch_, outcome, file_.size());
  summary.count(sending, receiving);
  summary.unfinished(pending_, broken_);
  for (const auto& line : summary.lines()) console_.result(line);
  if (!options_.report.empty()) {
    std::ofstream out(options_.report);
    out << html_report("rendr demo: " + options_.root, watch_.run(), summary.facts());
    out.flush();
    if (!out) {
      console_.error("--report=" + options_.report + ": cannot write it: " +
                     std::error_code(errno, std::system_category()).message());
      return exit_code::failed;
    }
    console_.info("the time line is in " + options_.report);
  }
  for (const auto& deviation : summary.deviations()) console_.error(deviation);
  return summary.deviations().empty() ? exit_code::ok : exit_code::failed;
}

}  // namespace

exit_code run_demo(const demo_options& options, console& to) {
  auto file =
      options.file.empty() ? demo_file::make(options.size) : demo_file::existing(options.file);
  if (!file) {
    to.error(file.error().detail);
    return exit_code_of(file.error().code);
  }
  return show(options, to, *file).run();
}

}  // namespace rendr::cli
