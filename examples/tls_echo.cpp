// SPDX-License-Identifier: Apache-2.0
// TLS of Asio over a flow, as over a socket: for programs whose peers have certificates, not keys
// of rendr. Both ends are here; each line of stdin goes there and back.
//   openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=echo
//   tls_echo cert.pem key.pem
#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/ssl.hpp>
#include <asio/write.hpp>
#include <iostream>
#include <string>
#include <thread>

#include "rendr/rendr.hpp"

// rendr compiles Asio, but not its TLS, so that who needs none needs no OpenSSL. In ONE source file
// of your program, and linked with OpenSSL (-lssl -lcrypto):
#include <asio/ssl/impl/src.hpp>

namespace {

void serve(rendr::listener& door, asio::ssl::context& identity) {
  try {
    asio::ssl::stream<rendr::stream> peer(door.accept().accept(), identity);
    peer.handshake(asio::ssl::stream_base::server);
    std::error_code ended;
    for (char part[4096]; !ended;) {
      const auto n = peer.read_some(asio::buffer(part), ended);
      if (!ended) asio::write(peer, asio::buffer(part, n), ended);
    }
    peer.shutdown(ended);
  } catch (const std::system_error& failed) {
    std::cerr << "server: " << failed.what() << '\n';
  }
}

void talk(rendr::link& line, asio::ssl::context& trusted) {
  asio::ssl::stream<rendr::stream> peer(line.open_stream(), trusted);
  peer.set_verify_callback(asio::ssl::host_name_verification("echo"));
  peer.handshake(asio::ssl::stream_base::client);
  for (std::string text; std::getline(std::cin, text);) {
    asio::write(peer, asio::buffer(text));
    asio::read(peer, asio::buffer(text));
    std::cout << text << std::endl;
  }
  peer.shutdown();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: tls_echo cert.pem key.pem\n";
    return 2;
  }
  asio::ssl::context identity(asio::ssl::context::tls_server);
  identity.use_certificate_chain_file(argv[1]);
  identity.use_private_key_file(argv[2], asio::ssl::context::pem);
  asio::ssl::context trusted(asio::ssl::context::tls_client);
  trusted.load_verify_file(argv[1]);
  trusted.set_verify_mode(asio::ssl::verify_peer);

  rendr::runtime instance;
  rendr::listener door(instance);
  if (const auto failed = door.listen({.host = "127.0.0.1"}); failed.code) {
    std::cerr << failed.detail << '\n';
    return 1;
  }
  std::thread server([&] { serve(door, identity); });
  rendr::link line(instance);
  const auto failed = line.connect({.paths = {{.host = "127.0.0.1", .port = door.port()}},
                                    .dial_deadline = std::chrono::seconds(10)});
  int result = 1;
  if (failed.code) {
    std::cerr << failed.detail << '\n';
    door.close();
  } else {
    try {
      talk(line, trusted);
      result = 0;
    } catch (const std::system_error& error) {
      std::cerr << "client: " << error.what() << '\n';
    }
  }
  server.join();
  instance.shutdown();
  return result;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
