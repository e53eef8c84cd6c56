// SPDX-License-Identifier: Apache-2.0
// ctest: timeout=60
// Asio's own TLS over a flow, while the path below it is killed.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/ssl.hpp>
#include <asio/ssl/impl/src.hpp>
#include <asio/write.hpp>
#include <future>
#include <memory>
#include <string>
#include <system_error>

#include "support/fault_relay.hpp"
#include "support/net_fixture.hpp"

namespace rendr::test {
namespace {

std::string pem_of(BIO* memory) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(memory);
  return text;
}

/// A server context with a fresh self-signed certificate.
void make_identity(asio::ssl::context& context) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, certificate.get());
  context.use_certificate_chain(asio::buffer(pem_of(memory)));
  memory = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(memory, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  context.use_private_key(asio::buffer(pem_of(memory)), asio::ssl::context::pem);
}

/// Completes a future on the executor of the operation. `asio::use_future` would complete it on a
/// thread of Asio's system context, which outlives what OpenSSL keeps for each thread.
template <class T>
struct future_of {
  std::shared_ptr<std::promise<T>> promise = std::make_shared<std::promise<T>>();
  std::future<T> future = promise->get_future();

  auto handler() const {
    return [done = promise](std::error_code code, T value = {}) {
      if (code) return done->set_exception(std::make_exception_ptr(std::system_error(code)));
      done->set_value(value);
    };
  }
  T get() { return future.get(); }
};
struct nothing {};

class tls_over_a_flow : public linked_test {};

TEST_F(tls_over_a_flow, megabytes_arrive_whole_while_a_path_dies) {
  serve();
  fault_relay one(door->port());
  fault_relay two(door->port());
  dial({one.port(), two.port()});
  open();
  const auto text = pattern(4u << 20);
  {
    asio::ssl::context server_side(asio::ssl::context::tls_server);
    make_identity(server_side);
    asio::ssl::context client_side(asio::ssl::context::tls_client);
    asio::ssl::stream<stream> client_tls(std::move(near), client_side);
    asio::ssl::stream<stream> server_tls(std::move(far), server_side);
    future_of<nothing> answered;
    future_of<nothing> agreed;
    server_tls.async_handshake(asio::ssl::stream_base::server, answered.handler());
    client_tls.async_handshake(asio::ssl::stream_base::client, agreed.handler());
    agreed.get();
    answered.get();
    future_of<std::size_t> sent;
    asio::async_write(client_tls, asio::buffer(text), sent.handler());
    std::string got(text.size(), '\0');
    const auto half = got.size() / 2;
    future_of<std::size_t> first;
    asio::async_read(server_tls, asio::buffer(got.data(), half), first.handler());
    first.get();
    EXPECT_GE(one.kill(), 1u);
    future_of<std::size_t> second;
    asio::async_read(server_tls, asio::buffer(got.data() + half, half), second.handler());
    second.get();
    EXPECT_EQ(sent.get(), text.size());
    EXPECT_TRUE(got == text);
  }
  client->shutdown();
  server->shutdown();
}

}  // namespace
}  // namespace rendr::test
