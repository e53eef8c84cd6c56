#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A line that dies: carries TCP connections from a loopback port to another, and kills them.

Usage: relay.py LISTEN_PORT TARGET_PORT
Prints "ready" when it listens. Each line on stdin is a command: "kill" resets every connection and refuses new ones
for 300 ms, "silent" carries nothing and tells nobody until "heal". It answers with the number of connections it hit.
It ends with its stdin.
"""
import asyncio
import socket
import struct
import sys


class Line:
    def __init__(self, port, target):
        self.port, self.target = port, target
        self.server = None
        self.writers = set()
        self.pairs = 0
        self.open = asyncio.Event()
        self.open.set()

    async def listen(self):
        self.server = await asyncio.start_server(self.accepted, "127.0.0.1", self.port)

    async def accepted(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self.reset(writer)
            return
        pair = {writer, far_writer}
        self.writers |= pair
        self.pairs += 1
        try:
            await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer))
        except OSError:
            for w in pair:
                self.reset(w)
        finally:
            self.pairs -= 1
            self.writers -= pair
            for w in pair:
                w.close()

    async def carry(self, reader, writer):
        while True:
            await self.open.wait()
            data = await reader.read(256 * 1024)
            await self.open.wait()
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    @staticmethod
    def reset(writer):
        sock = writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def kill(self):
        self.server.close()
        hit = self.pairs
        for w in list(self.writers):
            self.reset(w)
        await asyncio.sleep(0.3)
        await self.listen()
        return hit

    async def silent(self):
        self.open.clear()
        return self.pairs

    async def heal(self):
        self.open.set()
        return self.pairs


async def main():
    line = Line(int(sys.argv[1]), int(sys.argv[2]))
    await line.listen()
    print("ready", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while command := (await commands.readline()).decode().strip():
        verb = {"kill": line.kill, "silent": line.silent, "heal": line.heal}[command]
        print(await verb(), flush=True)


asyncio.run(main())
