// layer: tests
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace rendr::test {

/// A descriptor that is closed with its object.
class owned_fd {
 public:
  owned_fd() = default;
  explicit owned_fd(int fd) noexcept : fd_(fd) {}
  owned_fd(owned_fd&& other) noexcept : fd_(other.release()) {}
  owned_fd& operator=(owned_fd&& other) noexcept;
  ~owned_fd();

  int get() const noexcept { return fd_; }
  int release() noexcept;

 private:
  int fd_ = -1;
};

using ipv4 = std::array<std::uint8_t, 4>;
std::string text(ipv4 address);

/// A network namespace without a name: the kernel takes it back, with every interface, route and
/// rule in it, when this object, the sockets and the processes in it are gone, so nothing is left
/// after a crash either. Its loopback is up; IPv6 is off on every interface made in it.
/// Needs root; the constructor and every method throw std::system_error with what failed.
class netns {
 public:
  netns();

  /// Why none can be made here, as a sentence; empty when one can.
  static std::string unavailable();

  /// The calling thread is in the namespace for the life of a scope: sockets that it makes stay
  /// there, threads and processes that it starts live there. Scopes nest.
  class scope {
   public:
    explicit scope(const netns& where);
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;
    ~scope();

   private:
    owned_fd before_;
  };

  /// For `nsenter --net=/proc/PID/fd/NUMBER`; lives as long as this object.
  int descriptor() const noexcept { return fd_.get(); }
  /// Writes /proc/sys/net/NAME there, as "ipv4/ip_forward".
  void sysctl(std::string_view name, std::string_view value) const;
  /// A point-to-point TUN interface, up; packets are read and written without blocking.
  owned_fd tun(const std::string& name, ipv4 local, ipv4 remote, std::uint32_t mtu) const;
  void add_address(const std::string& interface, ipv4 address) const;
  void remove_address(const std::string& interface, ipv4 address) const;
  void set_up(const std::string& interface, bool up) const;
  /// A default route through `interface`, in `table` (254 is the main one).
  void add_default_route(const std::string& interface, std::uint32_t table) const;
  /// Packets from `source` are routed by `table`.
  void add_source_rule(ipv4 source, std::uint32_t table) const;
  /// Packets that `interface` dropped because nobody read them in time.
  std::uint64_t dropped(const std::string& interface) const;

 private:
  owned_fd fd_;
};

}  // namespace rendr::test
