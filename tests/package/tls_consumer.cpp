// SPDX-License-Identifier: Apache-2.0
// Asio's TLS beside rendr: the one line that it needs, and then nothing is undefined.
#include <asio/ssl.hpp>
#include <asio/ssl/impl/src.hpp>
#include <iostream>
#include <rendr/rendr.hpp>

int main() {
  asio::ssl::context trusted(asio::ssl::context::tls_client);
  rendr::runtime runtime;
  asio::ssl::stream<rendr::stream> peer(rendr::stream(), trusted);
  std::error_code code;
  peer.handshake(asio::ssl::stream_base::client, code);
  std::cout << "without a flow: " << code.message() << '\n';
  return code == rendr::errc::closed ? 0 : 1;
}
