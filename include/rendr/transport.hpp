// layer: transport
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "rendr/carrier.hpp"
#include "rendr/defaults.hpp"
#include "rendr/error.hpp"
#include "rendr/path_form.hpp"
#include "rendr/path_spec.hpp"
#include "rendr/time.hpp"

/// What a transport is: a `scheme`. Those of rendr and those of an embedder are registered in the
/// same way. Calls that name no thread belong to the thread of the executor that they got. None of
/// them throws.
namespace rendr::transport {

/// What a dial or an accept results in. Without `io`, `code` and `detail` say why.
struct opened {
  std::shared_ptr<stream_face> io = {};
  carrier_traits traits = {};
  std::error_code code = {};
  std::string detail = {};
  /// Called once when the peer has proven itself over it: the address is a good one.
  std::function<void()> proven = {};
};

/// A dial under way. Destroying it cancels it.
class dial {
 public:
  virtual ~dial() = default;
};

/// Is told how a dial ended.
using dial_handler = std::function<void(opened)>;

/// Under which conditions to dial.
struct dial_terms {
  duration timeout{};
  /// May it leave this machine on a carrier that is not secured? If not, such a dial fails with
  /// `errc::permission_denied`.
  bool off_loopback = false;
  duration away{};  ///< for how long the path has been away: what is rarely dialled may ask anew
};

/// One path of a link, which is dialled again and again. What is learnt of its addresses stays
/// here.
class target {
 public:
  virtual ~target() = default;
  /// `done` is called once on the executor, never from inside this call, and not at all once the
  /// returned object is destroyed.
  virtual std::unique_ptr<dial> start(const dial_terms& terms, dial_handler done) = 0;
};

/// A transport on one loop, as it dials. It outlives its targets.
class dialer {
 public:
  virtual ~dialer() = default;
  virtual std::unique_ptr<target> aim(const path_spec& at) = 0;
  /// Addresses, links or routes of this machine changed.
  virtual void network_changed() {}
};

/// A connection that came in and belongs to no loop yet. Destroying it closes it.
class arrival {
 public:
  virtual ~arrival() = default;
  /// The address of the other end, for the caps on strangers; may be empty.
  virtual std::string source() const = 0;
  /// Shows the first bytes and leaves them there: calls `done` on the executor of the listening
  /// with `size` bytes, or with fewer when no more will come. A runtime with several loops reads
  /// there to which of them it belongs. Not called once the arrival is destroyed or adopted.
  virtual void look(std::size_t size,
                    std::function<void(std::span<const std::byte> first)> done) = 0;
  /// Makes a carrier of it, once, on the thread of `executor`; nobody waits in `look` then.
  virtual opened adopt(const asio::any_io_executor& executor) = 0;
};

/// Under which conditions to listen.
struct listen_terms {
  int backlog = defaults::backlog;
  /// May it be reached from other machines? If not, an address that can be is refused with
  /// `not_on_loopback`.
  bool off_loopback = false;
};

/// An address that is listened on: "127.0.0.1:7000". Port 0: it has none.
struct bound_address {
  std::string text;
  std::uint16_t port = 0;
};

/// What a listening tells. All but `on_arrival` may be empty.
struct listen_handlers {
  std::function<void(std::unique_ptr<arrival>)> on_arrival;
  /// What changed in what it listens on, as a sentence. @param good it listens where it did not.
  std::function<void(bool good, const std::string& sentence)> tell;
  /// At first and after each change: where it listens now.
  std::function<void(const std::vector<bound_address>&)> bound;
};

/// Listens for as long as it lives.
class listening {
 public:
  virtual ~listening() = default;
};

/// Where to listen, with what had to be found out before.
class place {
 public:
  virtual ~place() = default;
  /// Begins; null, with `why`, when that is not possible and will not be. No handler is called
  /// from inside but `bound` and `tell`.
  virtual std::unique_ptr<listening> listen(const asio::any_io_executor& executor,
                                            const listen_terms& terms, listen_handlers to,
                                            failure& why) = 0;
};

/// One transport. Any thread may call it; but for `find_place` no call waits.
class scheme {
 public:
  virtual ~scheme() = default;
  virtual const path_form& form() const = 0;
  /// What this machine lacks for it; no code: nothing.
  virtual failure probe() const { return {}; }
  /// The mistake of a path that was filled by hand. By default: what breaks a rule of the form.
  virtual failure check(const path_spec& path) const;
  /// Where the path leads when that may be another machine. Empty: it stays on this one, or only
  /// the connection will tell.
  virtual std::string elsewhere(const path_spec& /*path*/) const { return {}; }
  /// Null: it cannot be dialled.
  virtual std::unique_ptr<dialer> make_dialer(const asio::any_io_executor& /*executor*/) const {
    return nullptr;
  }
  /// Whether `find_place` would wait, for the addresses of a name say.
  virtual bool finding_waits(const path_spec& /*at*/) const { return false; }
  /// Null: it cannot be listened on.
  virtual std::unique_ptr<place> find_place(const path_spec& /*at*/) const { return nullptr; }
};

/// The failure of listening on an address that other machines reach, where nothing is demanded of
/// those who come.
failure not_on_loopback(std::string_view address);

/// Makes a transport of this process: its paths can be read by `parse_path_spec`, dialled and
/// listened on by every runtime. Any thread. `invalid_argument` when its scheme is no word of
/// lower-case letters, digits, `+`, `-` and `.`, or is taken, and when one of its keys is.
[[nodiscard]] failure register_scheme(std::shared_ptr<const scheme> added);
/// Null: there is none. Any thread.
std::shared_ptr<const scheme> find_scheme(std::string_view word);

}  // namespace rendr::transport
