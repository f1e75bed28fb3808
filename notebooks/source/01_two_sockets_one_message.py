# %% [markdown]
# # 1. Two sockets, one message
#
# Two programs want to talk. **What does it take so that what arrives is what was sent?**
#
# It sounds like nothing at all. In this notebook you will send a thousand messages and watch them
# arrive as something else, break the obvious repair on purpose, and then build the one that holds.
# Everything is real: real nodes, real sockets, and no network beyond this machine.

# %%
import inspect
import random
import socket
import statistics
import threading
import time
from bisect import bisect_right
from collections import Counter
from itertools import accumulate

import matplotlib.pyplot as plt

from p2pkit import Link, LocalNetwork, Message, Node, Protocol, SimNetwork, on, plot
from p2pkit.framing import FrameReader
from p2pkit.plot import style

THIS_MACHINE = "127.0.0.1"  # the address by which every computer calls itself
PATIENCE = 5.0  # seconds that we wait for anything, at the most

# %% [markdown]
# ## Two nodes that talk
#
# On the web, servers wait and clients call. A **peer-to-peer node** does both: others can call it,
# and it calls others. Here are two, with three words that you need to read the cell:
#
# - A **port** is a number. If the address of a machine is a house, the port is the flat in it: it
#   names one program. We ask for **port 0**, which means *any that is free*: a fixed number may be
#   taken, by somebody else on this machine, or by this very cell when you ran it before.
# - A **callback** is a function that you hand over, for somebody else to call. A node calls yours
#   whenever something happens to it.
# - A **thread** is a second line of execution inside one program. Each node has its own, so it works
#   while the cell waits for an `Event`: a flag that one thread sets and another waits for. `sleep(1)`
#   would hope that a second is enough; `wait(PATIENCE)` returns the moment the flag is set, and
#   gives up after that time.

# %%
diary = []  # what happened, in order
names = {}  # the id of a node, and what we call it
answered = threading.Event()


def callback(event, node, other, data):
    diary.append((names[node.id], event, data))
    if data == {"text": "hello"}:
        node.send_to_node(other, {"text": "hello yourself"})
    elif data == {"text": "hello yourself"}:
        answered.set()


def stop(*nodes):
    """Stop some nodes, and wait until they have."""
    for node in nodes:
        node.stop()
    for node in nodes:
        node.join()


alice = Node("localhost", 0, callback)
bob = Node("localhost", 0, callback)
names = {alice.id: "alice", bob.id: "bob"}
alice.start()
bob.start()

alice.connect_with_node("localhost", bob.port)
alice.send_to_nodes({"text": "hello"})
print("answered in time:", answered.wait(PATIENCE))
stop(alice, bob)

for name, event, data in diary:
    print(f"{name:6} {event:20} {data or ''}")

# %% [markdown]
# Read it from the top, as a conversation. Alice called and Bob answered, on the same connection: once
# it stands, both can speak. A dict went in, and a dict came out.
#
# Then run the cell a few times. Some lines may change places, because nothing decides whether Alice's
# thread or Bob's is the first to write its line. There is no *first* between two computers that do
# not tell each other. Remember that; it is what makes this course long.
#
# Bob was only called, though. Let three nodes call each other in a ring.

# %%
closed = threading.Event()


def callback(event, node, other, data):
    if all(each.nodesIn and each.nodesOut for each in ring):
        closed.set()


ring = [Node("localhost", 0, callback) for _ in range(3)]
for node in ring:
    node.start()
for node, following in zip(ring, ring[1:] + ring[:1], strict=True):
    node.connect_with_node("localhost", following.port)
print("the ring is closed:", closed.wait(PATIENCE))

for node in ring:
    node.print_connections()
stop(*ring)

# %% [markdown]
# One in, one out, at each of them: every node is a server *and* a client, none is special, and there
# is nobody to ask for permission. That is a peer-to-peer network, a very small one.
#
# ## What really travels
#
# `Node` makes it look easy. Let us open it up. A **socket** is one end of a connection: bytes that you
# write into one end come out at the other. **TCP** is what the two operating systems do meanwhile:
# number the bytes, send lost ones again, and hand them over in order.
#
# One side *listens* on a port and *accepts* a call; the other side *connects*.


# %%
def connection():
    """Return the two ends of a TCP connection."""
    with socket.create_server((THIS_MACHINE, 0)) as listening:
        listening.settimeout(PATIENCE)
        calling = socket.create_connection(listening.getsockname(), timeout=PATIENCE)
        called, _ = listening.accept()
    called.settimeout(PATIENCE)
    return calling, called


def read_pieces(sock, most=1024):
    """Return the pieces in which bytes come out of a socket, until the other side closes."""
    pieces = []
    while piece := sock.recv(most):  # some bytes, but not more than that; b"" when it is over
        pieces.append(piece)
    return pieces


left, right = connection()
with left, right:  # closes both in the end
    for word in (b"one", b"two", b"three"):
        left.sendall(word)
    left.shutdown(socket.SHUT_WR)  # "I have nothing more to say"
    pieces = read_pieces(right)

print("sent:    ", [b"one", b"two", b"three"])
print("received:", pieces)

# %% [markdown]
# Nothing is missing, and yet the three words are gone: nothing in those bytes says where `one` ended.
# **TCP carries a stream of bytes. It knows nothing of messages.** How many pieces come out depends on
# who was faster.
#
# Are three words too few to judge? Take a thousand messages, and note how many bytes each `recv`
# returns. The sender gets its own thread: `sendall` waits when too much is on its way, and a thread
# that waits there cannot read at the other end.


# %%
def transfer(chunks, read):
    """Send some chunks through a new connection, one by one; return what `read` makes of them."""
    left, right = connection()

    def talk():
        with left:
            for chunk in chunks:
                left.sendall(chunk)

    talking = threading.Thread(target=talk)
    with right:
        talking.start()
        result = read(right)
    talking.join()
    return result


dice = random.Random(1)  # thrown alike in every run
messages = [dice.randbytes(dice.randint(10, 100)) for _ in range(1000)]
pieces = transfer(messages, read_pieces)

sent_sizes, piece_sizes = list(map(len, messages)), list(map(len, pieces))
print(f"sent:     {len(sent_sizes):5,} messages of {min(sent_sizes)} to {max(sent_sizes)} bytes")
print(f"received: {len(piece_sizes):5,} pieces of {min(piece_sizes)} to {max(piece_sizes):,} bytes")
print("the same bytes in the same order:", b"".join(messages) == b"".join(pieces))

parts = transfer([bytes(8_000_000)], lambda sock: read_pieces(sock, most=1_000_000))
print(f"and one message of {sum(map(len, parts)):,} bytes arrives in {len(parts)} pieces")

# %%
ends = {0, *accumulate(sent_sizes)}  # where in the stream one message ends and the next begins
kinds = {
    "exactly one message": ("o", style.BLUE),
    "several messages, glued": ("^", style.ORANGE),
    "cut inside a message": ("x", style.VERMILION),
}
found = {kind: [] for kind in kinds}  # where each piece begins, and its size
for end, size in zip(accumulate(piece_sizes), piece_sizes, strict=True):
    inside = sum(place in ends for place in range(end - size + 1, end + 1))
    if end - size not in ends or end not in ends:
        kind = "cut inside a message"
    else:
        kind = "exactly one message" if inside == 1 else "several messages, glued"
    found[kind].append((end - size, size))

fig = plt.figure(figsize=(style.WIDTH, 5), layout="constrained")
top, ax = fig.subplots(2, height_ratios=[1, 3])
begins = [0, *accumulate(sent_sizes)][:-1]
top.broken_barh(
    list(zip(begins, sent_sizes, strict=True)), (1.1, 0.8), color=style.EDGE, ec="white"
)
for kind, (marker, color) in kinds.items():
    top.broken_barh(found[kind], (0, 0.8), color=color, ec="white")
    label = f"{kind} ({len(found[kind])})"
    places, sizes = [place for place, _ in found[kind]], [size for _, size in found[kind]]
    ax.plot(places, sizes, marker, color=color, markersize=5, label=label)
largest = piece_sizes.index(max(piece_sizes))
closeup = max(0, sum(piece_sizes[:largest]) - 400)
top.set(xlim=(closeup, closeup + 1600), xlabel="position in the stream (bytes), close up")
top.set(yticks=(0.4, 1.5), yticklabels=("received", "sent"))
top.spines[["top", "left", "right"]].set_visible(False)
ax.axhspan(min(sent_sizes), max(sent_sizes), color=style.QUIET, label="the sizes that were sent")
ax.set(yscale="log", xlabel="position in the stream (bytes)", ylabel="size of a piece (bytes)")
style.curves(ax)
fig.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %% [markdown]
# In the strip on top, each grey box is one `sendall`, and each box below it one `recv`: the borders do
# not line up. Below, each dot is one `recv`. Only the blue ones are what everybody expects at first.
#
# ## The obvious repair, and how to break it
#
# Put a mark behind each message that means *end*. The library that p2pkit descends from did so, with
# the byte 4; here it is the end of a line, because you can read that.

# %%
END = b"\n"


def read_lines(sock):
    return b"".join(read_pieces(sock)).split(END)[:-1]


letters = [b"hello", b"how are you?", b"bye"]
print(transfer([letter + END for letter in letters], read_lines))

# %% [markdown]
# Three messages in, three out. It is tempting to stop here. Now **break it on purpose**: a node asks
# its new neighbour Mallory for her name, and passes it on. Mallory has thought about her name.

# %%
MALLORY = b"Mallory\nAlice pays 1000 coins to Mallory"

letters = [b"here is " + MALLORY]
arrived = transfer([letter + END for letter in letters], read_lines)
print(f"{len(letters)} message was sent, and {len(arrived)} arrived:", *arrived, sep="\n   ")

# %% [markdown]
# One name went in, and out came an order to pay, in the name of an honest node. The trick is old: on
# the web it is called *CRLF injection*, in mail *SMTP smuggling*.
#
# Forbid the byte, then? A picture, a compressed file, a key, a signature: in all of these every byte
# occurs. *Escape* it, that is, write two other bytes in its place? It can be done, if both sides look
# at every byte and never make a mistake. There is a simpler way, in which **every byte is allowed
# because none means anything**.
#
# ## Say first how much follows
#
# Each message gets a *header*: four bytes that hold its length. A message behind its header is a
# *frame*. The length is written with its largest part first, as we write numbers; that is called
# *big-endian*, and is the custom on all the internet.

# %%
HEADER = 4  # bytes


def frame(message):
    """Put a header before a message."""
    return len(message).to_bytes(HEADER, "big") + message


for message in (b"hello", b"two\nlines", b""):
    print(f"{message!r:14} travels as {frame(message)}")
print(f"the longest message that {HEADER} bytes can announce: {256**HEADER - 1:,} bytes")

# %% [markdown]
# Reading it is two steps: the header, then as many bytes as it says. Both need the same thing, namely
# *exactly* so many bytes. A single `recv` may return fewer, as you saw, so ask until you have them.


# %%
def read_exactly(sock, count):
    """Return exactly so many bytes, in however many pieces they come."""
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise ConnectionError(f"it ended after {len(data)} of {count} bytes")
        data += piece
    return data


def read_frame(sock):
    """Return the next message."""
    length = int.from_bytes(read_exactly(sock, HEADER), "big")
    return read_exactly(sock, length)


left, right = connection()
with left, right:
    for letter in (b"hello", b"here is " + MALLORY, b"", bytes(range(256))):
        left.sendall(frame(letter))
        arrived = read_frame(right)
        print(f"{len(arrived):3} bytes, as they were sent: {arrived == letter}")

# %% [markdown]
# Mallory's name is only a name now. How much was this worth? If all 256 bytes are equally likely, one
# byte is *not* the mark with probability 255/256, and a message of $n$ bytes is free of it with
# probability $(255/256)^n$. So much for theory; here are both ways, on real sockets, with messages of
# random bytes.

# %%
LENGTHS = (1, 4, 16, 64, 256, 1024, 4096)  # bytes
MESSAGES = 300  # of each length


def whole(sent, arrived):
    """Return how many messages, in percent, arrived as they were sent."""
    return 100 * (Counter(sent) & Counter(arrived)).total() / len(sent)


print(" bytes   with a mark   in theory   with a length")
with_mark, with_length = [], []
for length in LENGTHS:
    sent = [dice.randbytes(length) for _ in range(MESSAGES)]
    arrived = transfer([message + END for message in sent], read_lines)
    with_mark.append(whole(sent, arrived))
    arrived = transfer(map(frame, sent), lambda sock: [read_frame(sock) for _ in range(MESSAGES)])
    with_length.append(whole(sent, arrived))
    theory = 100 * (255 / 256) ** length
    print(f"{length:6} {with_mark[-1]:11.1f} % {theory:9.1f} % {with_length[-1]:13.1f} %")

fig, ax = plt.subplots(figsize=(style.WIDTH, 3.6), layout="constrained")
lengths = [2 ** (step / 8) for step in range(8 * 12 + 1)]
theory = [100 * (255 / 256) ** length for length in lengths]
ax.plot(lengths, theory, color=style.EDGE, label="theory: $(255/256)^n$")
ax.plot(LENGTHS, with_mark, "^", color=style.VERMILION, label="a mark at the end")
ax.plot(LENGTHS, with_length, "o", color=style.BLUE, label="the length in front")
ax.set_xscale("log", base=2)
ax.set_xticks(LENGTHS, [f"{length:,}" for length in LENGTHS])
ax.set(xlabel="length of a message (bytes)", ylabel="messages that arrive whole (%)")
style.curves(ax)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Does the kit keep the promise?
#
# Under each `Node` lies a framer like yours, in `p2pkit/framing.py`. Do not believe it; measure.
# **A message containing any byte arrives whole**: every byte alone, all in a row, nothing at all,
# Mallory's name, and a megabyte of noise.

# %%
letters = [bytes([value]) for value in range(256)]
letters += [bytes(range(256)), b"", MALLORY, dice.randbytes(1_000_000)]
arrived = []
complete = threading.Event()


def callback(event, node, other, data):
    if event == "NODEMESSAGE":
        arrived.append(data)
        if len(arrived) == len(letters):
            complete.set()


alice, bob = Node("localhost", 0), Node("localhost", 0, callback)
alice.start()
bob.start()
alice.connect_with_node("localhost", bob.port)
for letter in letters:
    alice.send_to_nodes(letter)
complete.wait(PATIENCE)
stop(alice, bob)

same = sum(one == other for one, other in zip(letters, arrived, strict=False))
print(f"{len(letters)} messages were sent, {len(arrived)} arrived, {same} of them byte for byte")

# %% [markdown]
# **A peer that leaves is noticed.** On a raw socket, `recv` returned `b""`; a node turns that into an
# event. How long does it take? Let visitors come to Alice, one after the other, and leave again.

# %%
VISITS = 50


def callback(event, node, other, data):
    if event == "NODECONNECTED":
        came.set()
    elif event == "NODEINBOUNDCLOSED":
        noticed.append(time.perf_counter())
        gone.set()


left_at, noticed = [], []  # seconds, on the same clock
alice = Node("localhost", 0, callback)
alice.start()
for _ in range(VISITS):
    came, gone = threading.Event(), threading.Event()
    visitor = Node("localhost", 0)
    visitor.start()
    visitor.connect_with_node("localhost", alice.port)
    came.wait(PATIENCE)
    left_at.append(time.perf_counter())
    stop(visitor)
    gone.wait(PATIENCE)
stop(alice)

waits = [1000 * (end - begin) for begin, end in zip(left_at, noticed, strict=True)]
print(f"{len(noticed)} of {VISITS} departures were noticed, half of them within", end=" ")
print(f"{statistics.median(waits):.1f} ms, the slowest after {max(waits):.1f} ms")

# %% [markdown]
# That is quick, because somebody says goodbye: the node, or if its program is killed, the operating
# system. If the cable is cut, nobody does. Then silence is all there is, and the question becomes how
# long a silence means that somebody is gone. It has a notebook of its own, the sixth.
#
# ## The same with the kit
#
# Look again at the cells above: ports, threads, flags, deadlines, stopping. None of it is what a node
# *does*. In the kit, you write only that: a **message** is a class with typed fields, and a
# **protocol** a class whose methods say how a node reacts. A **network** makes as many nodes as you
# like, connects them, and stops them in the end.
#
# Here are two nodes that greet whoever they meet. The sockets are as real as before, and the framer is
# at work. `@on(Greeting)` marks the method that handles greetings, so there is no `if event == …` any
# more. And the network keeps the diary: `net.trace` can be read, counted, filtered and plotted.


# %%
class Greeting(Message):
    text: str


class Friendly(Protocol):
    """Greet everybody, and remember who greeted us."""

    def on_start(self):
        self.heard = {}

    def on_connect(self, peer):
        self.send(peer, Greeting(f"hello {peer}, I am {self.id}"))

    @on(Greeting)
    def hear(self, greeting, sender):
        self.heard[sender] = greeting.text


with LocalNetwork(Friendly, 2) as net:
    done = net.run(until=lambda: all(node.heard for node in net), within=PATIENCE)
    print("all were greeted in time:", done)
    for node in net:
        print(node.id, "heard", node.heard)

print("\n    ms  node  kind         peer  message    bytes")
for event in net.trace:
    print(
        f"{1000 * event.time:6.2f}  {event.node:4}  {event.kind:11}  {event.peer or '':4}  "
        f"{event.message or '':9}  {event.size or '':5}"
    )
print(f"\n{net.trace.count(kind='receive')} of {net.trace.count(kind='send')} messages arrived,")
print("and the first one, without its header, was", next(net.trace.where(kind="send")).data)

# %% [markdown]
# ## And without a socket
#
# A class that says only what a node does can run where there is no socket at all: in a **simulation**.
# Change one word, `LocalNetwork` to `SimNetwork`. The messages are the same bytes; how long each is on
# its way is computed. A `Link` says how long that is, to the real nodes as well, which then hold each
# message back. Put a tenth of a second between the two, about as far as from Europe to America and
# back, and run the same story in both. A network that has closed is played again by `plot.live`.

# %%
for network in (LocalNetwork, SimNetwork):
    with network(Friendly, 2, link=Link(latency=0.1)) as net:
        done = net.run(until=lambda: all(node.heard for node in net), within=PATIENCE)
    times = [1000 * event.time for event in net.trace.where(kind="receive")]
    print(
        f"{network.__name__:12} all were greeted: {done}, at {times[0]:.3f} and {times[1]:.3f} ms"
    )
plot.live(net)

# %% [markdown]
# On the real network something is always a little late, and in each run something else. In the
# simulation a tenth of a second is a tenth of a second. Nobody waits for it: its clock does not tick, it
# *jumps* to whatever is due next. So an hour costs no more than what happens in it.
#
# And what happens in it is **the same in every run**. Chance comes from dice, and the dice from a
# `seed`: run it twice, and you get the same events at the same times, to the last digit. The trace's
# digest, a fingerprint of all its events, shows it.


# %%
class Affectionate(Friendly):
    """Greet everybody once more about every minute."""

    def on_connect(self, peer):
        greeting = Greeting(f"still there, {peer}?")
        self.every(60.0, self.send, peer, greeting, jitter=20.0)  # seconds, and up to so many later


def an_hour(seed):
    link = Link(latency=(0.01, 0.3))  # seconds: drawn for each message, from next door to far away
    with SimNetwork(Affectionate, 2, link=link, seed=seed) as net:
        net.run(3600.0)  # seconds
    return net


began = time.perf_counter()
net = an_hour(seed=1)
took = time.perf_counter() - began
print(f"{net.now:,.0f} s on the nodes' clocks, and on yours {1000 * took:.0f} ms,", end=" ")
print(f"for {net.trace.count(kind='receive')} greetings")
for seed in (1, 1, 2):
    print(f"seed {seed}: {an_hour(seed).trace.digest()}")

# %% [markdown]
# The same seed, the same hour; another seed, another one. That is worth more than speed. A mistake that
# shows once in a thousand runs can be looked at again, as often as you like, until you understand it. But
# a simulation knows only what somebody has put into it, and the glued and cut pieces of this notebook
# nobody would have. So this course does both: **small on real sockets, large in simulation**.
#
# ## Exercise: a framer for every stream
#
# Your `read_frame` *waits*. A node with a hundred peers cannot wait for one of them: it takes bytes
# from whoever has some, and gives each piece to the framer of that connection. So turn it around.
# `feed(chunk)` takes the next piece of the stream, whatever it is, and returns a list of all messages
# that are whole now. It never touches a socket, so it can be tested without one.
#
# - A piece may hold three messages, or half of one, or half a header.
# - A message may be empty, and it may be huge.
# - Strangers lie. Four bytes are enough to announce gigabytes, and who waits for them keeps all that
#   comes. Raise a `ValueError` as soon as a header announces more than `limit` bytes; a message of
#   exactly `limit` bytes is welcome.
#
# Fill in the cell, and run it and the one below, which checks your class step by step. What the check
# says is for you; its code you may skip.


# %% tags=["exercise"]
class Framer:
    """Finds the messages in a stream of bytes, in whatever pieces it arrives."""

    def __init__(self, limit):
        self.limit = limit  # bytes in one message, at the most

    def feed(self, chunk):
        """Take in a piece of the stream, and return the messages that are whole now."""
        messages = []
        # Your code goes here.
        return messages


# %% tags=["check"]
LIMIT = 4_000_000  # bytes
TOO_SLOW = 2.0  # seconds


def show(value):
    return text if len(text := repr(value)) < 70 else f"{text[:60]} … and more"


def fed(framer, messages, sizes):
    """Feed a stream of messages in pieces of these sizes, and say what went wrong."""
    stream = b"".join(map(frame, messages))
    whole_at = [*accumulate(len(frame(message)) for message in messages)]
    reader, end, given, began = framer(LIMIT), 0, 0, time.perf_counter()
    for size in sizes:
        chunk = stream[end : end + size]
        end += size
        answer = reader.feed(chunk)
        wanted = messages[given : bisect_right(whole_at, end)]
        given += len(wanted)
        if answer != wanted:
            return f"feed({show(chunk)}) returned {show(answer)}, and should return {show(wanted)}"
        if time.perf_counter() > began + TOO_SLOW:
            return f"after {end:,} of {len(stream):,} bytes, {TOO_SLOW} s were over"
    return ""


def announced(framer, length):
    """Announce too long a message, and say what went wrong."""
    try:
        answer = framer(LIMIT).feed(length.to_bytes(HEADER, "big"))
    except ValueError:
        return ""
    return f"the limit is {LIMIT:,} bytes, {length:,} were announced, and feed returned {answer}"


def check(framer):
    """Try a class of framers on harder and harder streams; at the first trouble, give a hint."""
    dice = random.Random(2)
    mixed = [dice.randbytes(dice.randint(0, 40)) for _ in range(60)] + [b"", END, bytes(range(256))]
    steps = [
        ("one message in one piece", fed, [([b"hello"], [9])],
         "the first four bytes say how many bytes of message follow"),
        ("two messages in one piece", fed, [([b"one", b"two"], [14])],
         "when one message is out, another may follow: a loop?"),
        ("one message in two pieces", fed, [([b"hello"], [6, 3]), ([b"one", b"two"], [9, 5])],
         "what is not used up stays in self, and the next chunk goes behind it"),
        ("half a header", fed, [([b"hello"], [2, 7]), ([b"one", b"two"], [8, 6])],
         "fewer than four bytes say nothing yet"),
        ("empty messages", fed, [([b""], [4]), ([b"", b"a", b"", b""], [17])],
         "a header of zeros is a message too: b''"),
        ("byte by byte", fed, [(mixed, [1] * 4000)],
         "a message is due with the byte that completes it: not later, and not sooner"),
        ("pieces of any size", fed, [(mixed, dice.choices(range(1, 90), k=500)) for _ in range(200)],
         "feed these pieces to a new Framer by hand, and print what it keeps"),
        ("a huge message", fed, [([dice.randbytes(LIMIT), b"end"], [200] * (LIMIT // 200 + 1))],
         "bytes + bytes copies both, for every piece; a bytearray grows in place"),
        ("a stranger who lies", announced, [(LIMIT + 1,), (256**HEADER - 1,)],
         "compare what the header says with self.limit before you wait for more"),
    ]  # fmt: skip
    for number, (title, trial, streams, hint) in enumerate(steps):
        for stream in streams:
            try:
                problem = trial(framer, *stream)
            except Exception as error:
                problem = f"it raised {type(error).__name__}: {error}"
            if problem:
                print(f"next  {title}\n        {problem}\n        Hint: {hint}.")
                print(f"{number} of {len(steps)} steps done")
                return
        print("ok   ", title)
    print(f"all {len(steps)} steps done, and your feed has {lines(framer.feed)} lines.")
    print(
        f"The kit's own, FrameReader.received, has {lines(FrameReader.received)}, docstring included."
    )


def lines(function):
    return len(inspect.getsource(function).splitlines())


check(Framer)

# %% [markdown]
# ## What you know now
#
# - A peer-to-peer node is called and calls; none is special.
# - TCP carries bytes in order, and knows nothing of messages. Where one ends, you have to say.
# - A mark inside the data can be forged. A length in front cannot, but it can lie: have a limit.
# - To wait is to say for how long.
# - The same class runs on real sockets and in virtual time, where the same seed is the same run.
#
# Two nodes know each other because you introduced them. With fifty, who tells whom about whom? That
# is the next notebook.
