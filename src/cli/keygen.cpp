// SPDX-License-Identifier: Apache-2.0
#include <sodium/core.h>
#include <sodium/randombytes.h>

#include <string>

#include "cli/commands.hpp"
#include "cli/key_files.hpp"
#include "cli/private_file.hpp"
#include "cli/state_dir.hpp"
#include "rendr/credentials.hpp"

namespace rendr::cli {

namespace {

exit_code give_up(const failure& why, console& to) {
  to.error(why.detail);
  return exit_code_of(why.code);
}

/// What the file says; its text is wiped by its owner.
void compose(const secret_key& key, bool psk, std::string& out) {
  wiped line;
  secret_text(psk ? key_kind::psk : key_kind::private_half, key, line.text());
  out.reserve(512);  // once, so that no copy is left behind
  out = psk ? "# rendr pre-shared key " + fingerprint(key.view())
            : "# rendr private key of " + to_text(public_key_of(key));
  out += "\n";
  out += line.text();
  out += "\n";
}

}  // namespace

exit_code run_keygen(const keygen_options& options, console& to) {
  auto file = options.file;
  if (file.empty()) {
    const auto dir = default_state_dir();
    if (dir.empty()) {
      to.error("FILE is missing, and neither XDG_STATE_HOME nor HOME says where state belongs");
      return exit_code::usage;
    }
    if (const auto bad = make_directories(dir)) return give_up(*bad, to);
    file = dir + (options.psk ? "/rendr.psk" : "/rendr.key");
  }
  if (options.show) {
    key_options keys;
    keys.key_file = file;
    const auto found = load_credentials(keys);
    if (!found) return give_up(found.error(), to);
    to.result(to_text(public_key_of(*found->own_key)));
    return exit_code::ok;
  }
  if (sodium_init() < 0) {
    to.error("the system has no random source");
    return exit_code::failed;
  }
  secret_key key;
  randombytes_buf(key.span().data(), key.span().size());
  wiped contents;
  compose(key, options.psk, contents.text());
  if (const auto bad = write_new_file(file, contents.text())) return give_up(*bad, to);
  if (options.psk) {
    to.result("made " + file + ", pre-shared key " + fingerprint(key.view()));
    return exit_code::ok;
  }
  to.result(to_text(public_key_of(key)));
  to.info("made " + file + "; above is the public key for the peers");
  return exit_code::ok;
}

}  // namespace rendr::cli
