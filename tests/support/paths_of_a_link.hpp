// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/link/flow_care.hpp"
#include "engine/link/routing.hpp"
#include "policy/graph_text.hpp"
#include "support/rooms_of_a_link.hpp"
#include "wire/record.hpp"

namespace rendr::engine::test {

/// A link that is up, with a root and attached paths, without the link.
struct paths_of_a_link : rooms_of_a_link {
  static constexpr instant start{std::chrono::hours(1)};

  explicit paths_of_a_link(std::string_view root, std::size_t leaves = 2, role side = role::dialer)
      : rooms_of_a_link(side, {}, named(leaves)) {
    in.standing.come_up(start, std::chrono::seconds(60));
    std::vector<policy::leaf_info> infos;
    for (const auto& s : in.slots) infos.push_back({s.config.name});
    routing(in).install(start, in.router.begin(std::string(root)),
                        std::move(*policy::parse_graph(root, infos)));
  }

  /// A path of this leaf, measured, which stands for it.
  path& attach(spec_id leaf, duration rtt = std::chrono::milliseconds(20)) {
    auto& p = connect(start, leaf);
    p.id = carriers;
    p.guarded = wire::guard::checksum;
    p.life.on(path_event::say_hello);
    p.life.on(path_event::attached);
    p.attached_at = p.last_life = start;
    p.rtt.sample(rtt, start);
    in.slots[leaf].current = &p;
    routing(in).route(start, cause::returned);
    return p;
  }
  /// A stream with this much to send.
  flow& stream(std::size_t size) {
    auto& f = in.flows.open(rendr::test::filled<16>(++flows_), wire::flow_kind::stream);
    f.set_root("", in.router.find(""));
    f.begin({});
    flow_care(in).owe(f);
    write(f, size);
    return f;
  }
  void write(flow& f, std::size_t size) {
    const bytes data(size, std::byte{7});
    f.write(pool, data, flow_care(in).room_of(f));
    flow_care(in).offer(f);
  }
  /// Whom the driver is to ask for something to send, each once.
  std::vector<carrier_id> woken() {
    std::vector<carrier_id> out;
    while (const auto one = transmit.next()) out.push_back(*one);
    return out;
  }
  /// The frames of the batch of `p`, by name; it is taken by the carrier.
  std::vector<std::string> said(path& p) {
    bytes raw;
    for (const auto piece : p.out.pieces()) raw.insert(raw.end(), piece.begin(), piece.end());
    std::vector<std::string> out;
    for (bytes_view rest = raw; !rest.empty();) {
      const auto record = wire::read_record(rest);
      if (!record || !record->has_value()) break;
      wire::frame_reader reader((*record)->payload);
      for (auto f = reader.next(); f && f->has_value(); f = reader.next()) out.push_back(name(**f));
      rest = rest.subspan((*record)->size);
    }
    return out;
  }

 private:
  static link_config named(std::size_t leaves) {
    link_config out;
    out.paths.resize(leaves);
    for (std::size_t i = 0; i < leaves; ++i)
      out.paths[i].name = std::string(1, static_cast<char>('a' + i));
    return out;
  }
  static std::string name(const wire::frame& f) {
    if (std::holds_alternative<wire::ping>(f)) return "ping";
    if (std::holds_alternative<wire::path_ack>(f)) return "ack";
    if (std::holds_alternative<wire::graph>(f)) return "graph";
    if (std::holds_alternative<wire::open>(f)) return "open";
    if (std::holds_alternative<wire::data>(f)) return "data";
    if (std::holds_alternative<wire::fin>(f)) return "fin";
    if (std::holds_alternative<wire::bye>(f)) return "bye";
    if (std::holds_alternative<wire::goaway>(f)) return "goaway";
    return "another";
  }

  unsigned char flows_ = 0;
};

}  // namespace rendr::engine::test
