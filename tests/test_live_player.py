"""The player of the live view, in a real browser: it is sent what Python would send, and looked at."""

import math
import random
import re
from importlib import resources

import pytest

from p2pkit.live import bundle

VERBS = ["crash", "restart", "pause", "resume", "cut", "mend", "tell", "heal"]
TELLS = [
    {"kind": "Rumor", "fields": [["text", "str"], ["hops", "int"]]},
    {"kind": "Ping", "fields": []},
]
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
PLAYER = "document.querySelector('.p2pkit-live').player"


def stage(count=6, **more):
    """Return a message that sets the stage: a ring of nodes, all up and connected."""
    turn = [2 * math.pi * number / count for number in range(count)]
    nodes = [[f"n{i}", math.cos(a) * 2, math.sin(a) * 2, "up", None] for i, a in enumerate(turn)]
    links = [[number, (number + 1) % count] for number in range(count)]
    usual = {"title": "Ring", "mode": "replay", "time": 0.0, "kinds": ["Rumor", "Ack"], "note": ""}
    usual |= {"nodes": nodes, "links": links, "speed": 1, "verbs": [], "tells": []}
    return {"type": "stage", **usual, **more}


def events(*rows, now=None, **more):
    """Return a batch of events."""
    last = rows[-1][0] if rows else 0
    return {"type": "events", "now": last if now is None else now, "events": rows, **more}


def flight(start, end, one, other, serial, text=0, kind=0):
    return [
        [start, "s", one, other, kind, serial, text],
        [end, "r", other, one, kind, serial, text],
    ]


class Watched:
    """A player in a page, and what it posted."""

    def __init__(self, page):
        self.page = page

    def mount(self, *messages, served=False, page_class=""):
        self.page.goto("about:blank")
        self.page.set_content(
            f"<!doctype html><meta charset=utf-8><style>{bundle.style()}</style>"
            f"<div id=home class='{page_class}'></div><script type=module>{bundle.module()}\n"
            "window.mount = mount;</script>"
        )
        self.page.wait_for_function("() => Boolean(window.mount)")
        self.page.evaluate(
            """served => {
                window.posts = [];
                const post = served ? (message) => window.posts.push(message) : null;
                window.mounted = window.mount(document.getElementById("home"), post);
            }""",
            served,
        )
        self.receive(*messages)
        self.wait("p.stage.view.width > 10")
        return self

    def receive(self, *messages):
        self.page.evaluate(
            f"messages => messages.forEach((each) => {PLAYER}.receive(each))", messages
        )

    def ask(self, expression):
        return self.page.evaluate(f"() => {{ const p = {PLAYER}; return {expression}; }}")

    def wait(self, expression):
        self.page.wait_for_function(f"() => {{ const p = {PLAYER}; return {expression}; }}")

    def pause(self, at):
        """Stop the head at a time, and wait until that is on the screen."""
        self.ask(f"p.act(() => {{ p.clock.pause(); p.seek({at}); }})")
        self.painted()

    def painted(self):
        self.wait("!p.isStale && !p.request")

    def press(self, label):
        self.page.get_by_label(label).click()

    @property
    def canvas(self):
        return self.page.locator(".p2p-canvas")

    def spot(self, number):
        """Return where a node is on the stage."""
        spot = self.ask(f"p.stage.spots[{number}]")
        return spot["x"], spot["y"]

    def click(self, x, y):
        self.canvas.click(position={"x": x, "y": y})

    def hover(self, number):
        x, y = self.spot(number)
        self.canvas.hover(position={"x": x, "y": y})

    def posts(self, kind="do"):
        return [post for post in self.page.evaluate("window.posts") if post["type"] == kind]

    def texts(self, selector):
        return self.page.locator(selector).all_inner_texts()


@pytest.fixture
def watched(page):
    return Watched(page)


# The bundle


def test_the_bundle_is_one_module():
    text = bundle.module()
    assert re.findall(r"^(?:import|export)\b.*", text, re.MULTILINE) == ["export { mount };"]
    assert "</" not in text  # so it can stand in a page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text + bundle.style())
    assert "innerHTML" not in text


def test_every_module_is_in_the_bundle_and_short_and_has_its_number():
    files = {
        file.name: file.read_text(encoding="utf-8")
        for file in (resources.files("p2pkit.live") / "player").iterdir()
        if file.name.endswith(".js")
    }
    firsts = [text.splitlines()[0] for text in files.values()]
    assert all(first in bundle.module() for first in firsts)
    numbers = sorted(
        tuple(map(int, re.match(r"// (\d+) of (\d+)\.", first).groups())) for first in firsts
    )
    assert numbers == [(number, len(files)) for number in range(1, len(files) + 1)]
    assert max(len(text.splitlines()) for text in files.values()) <= 250


def test_no_two_modules_use_the_same_name():
    names = re.findall(
        r"^(?:class|function|const|let) (?:\[(.*?)\]|(\w+))", bundle.module(), re.MULTILINE
    )
    names = [name for many, one in names for name in (many or one).split(", ")]
    assert len(names) > 50
    assert sorted(set(names)) == sorted(names)


def test_every_rule_is_for_the_player_only():
    rules = re.sub(r"/\*.*?\*/", "", bundle.style(), flags=re.DOTALL)
    selectors = re.findall(r"([^{}]+)\{", rules)
    for selector in (part.strip() for each in selectors for part in each.split(",")):
        assert ".p2pkit-live" in selector or selector.startswith("@container")


# Time


def test_it_says_that_it_is_ready_and_paints_while_messages_fly(watched):
    watched.mount(served=True)
    assert watched.page.evaluate("window.posts") == [{"type": "ready"}]
    watched.receive(stage(mode="simulated"), events(*flight(0.1, 5, 0, 1, 1), texts=["Rumor"]))
    watched.wait("p.time > 0.2")
    frames = watched.ask("p.frames")
    watched.wait(f"p.frames > {frames} + 10 && p.time < 5")


def test_nothing_is_painted_when_nothing_changes(watched):
    watched.mount(stage(mode="simulated"), events(*flight(0.1, 0.2, 0, 1, 1), texts=["Rumor"]))
    watched.wait("p.clock.isResting && !p.request")
    assert watched.ask("p.playing")  # it waits for more
    frames = watched.ask("p.frames")
    watched.page.evaluate(
        "new Promise((done) => { let left = 8;"
        " const next = () => (left-- ? requestAnimationFrame(next) : done()); next(); })"
    )
    assert watched.ask("[p.frames, p.request]") == [frames, 0]
    watched.receive(events(*flight(0.3, 0.4, 1, 2, 2)))
    watched.wait("p.time === 0.4")


def test_a_replay_chooses_its_speed_stops_at_the_end_and_begins_anew(watched):
    watched.mount(stage(speed=None), events(*flight(0.1, 29, 0, 1, 1), texts=["Rumor"]))
    assert watched.ask("p.clock.speed") == 1  # 29 seconds in about 15
    watched.mount(stage(speed=None), events(*flight(0.1, 0.16, 0, 1, 1), texts=["Rumor"]))
    assert watched.ask("p.clock.speed") == 0.01
    watched.mount(stage(), events(*flight(0.1, 0.2, 0, 1, 1), texts=["Rumor"]))
    watched.wait("!p.playing && p.time === p.end")
    watched.press("Play")
    watched.wait("p.playing && p.time < p.end")


def test_pause_play_and_step(watched):
    batch = [*flight(1, 2, 0, 1, 1), *flight(2, 3, 1, 2, 2)]
    watched.mount(stage(), events(*batch, texts=["Rumor(text='hello')"]))
    watched.press("Pause")
    watched.wait("!p.playing")
    numbers = []
    for _ in range(5):
        numbers.append(watched.ask("[p.head.number, p.time]"))
        watched.press("Step")
    assert numbers[-1] == [4, 3]
    assert [at for at, _ in numbers] == [0, 1, 2, 3, 4]
    assert "n2 receives Rumor(text='hello') from n1" in watched.texts(".p2p-said")[0]
    watched.press("Play")
    watched.wait("p.playing")


def test_keys(watched):
    watched.mount(stage(), events(*flight(5, 9, 0, 1, 1), texts=["Rumor"]))
    watched.page.locator(".p2pkit-live").focus()
    watched.page.keyboard.press(" ")
    watched.wait("!p.playing")
    watched.page.keyboard.press("ArrowRight")
    watched.wait("p.time === 5")
    watched.page.keyboard.press(" ")
    watched.wait("p.playing")


def test_speed_and_slider(watched):
    watched.mount(stage(), events(*flight(50, 90, 0, 1, 1), texts=["Rumor"]))
    watched.page.get_by_label("Speed").select_option("100")
    watched.wait("p.time === 90")
    slider = watched.page.get_by_label("Time")
    watched.page.get_by_label("Speed").select_option("0.001")
    slider.fill("60")
    watched.wait("p.time >= 60 && p.time < 60.1")
    assert watched.ask("p.head.number") == 1
    watched.wait("Math.abs(Number(p.controls.slider.value) - p.time) < 0.1")
    assert watched.texts(".p2p-time")[0].endswith("/ 90.00000 s")


def test_a_live_network_is_followed_a_little_behind(watched):
    watched.mount(stage(mode="live"), served=True)
    assert watched.ask("p.clock.isFollowing")
    rows = [row for number in range(60) for row in flight(number, number + 0.001, 0, 1, number)]
    watched.receive(events(*rows, now=60, texts=["Rumor"]))
    watched.wait("p.time > 59.7")
    watched.press("Pause")
    watched.wait("Number(p.controls.slider.max) >= 60")  # it is painted anew now and then only
    watched.page.get_by_label("Time").fill("10")
    watched.wait("p.time === 10")
    watched.receive(events(now=61))
    watched.page.get_by_label("Live").click()
    watched.wait("p.playing && p.time > 60.5")
    watched.receive(events(now=61, closed=True))
    watched.wait("p.clock.mode === 'replay' && !p.playing")
    assert not watched.page.get_by_label("Live").is_visible()


def test_a_live_network_is_remembered_up_to_a_limit(watched):
    watched.mount(stage(mode="live"), served=True)
    watched.page.evaluate(
        f"""() => {{
            const p = {PLAYER};
            for (let batch = 0; batch < 200; batch++) {{
                const events = [];
                for (let each = 0; each < 500; each++) {{
                    const serial = 500 * batch + each;
                    events.push([batch + each / 1000, "s", 0, 1, 0, serial, serial]);
                    events.push([batch + each / 1000, "r", 1, 0, 0, serial, serial]);
                }}
                const texts = events.filter((each) => each[1] === "s").map((each) => "Rumor " + each[5]);
                p.receive({{ type: "events", now: batch + 1, texts, events }});
            }}
        }}"""
    )
    kept, texts, first, waiting, reached = watched.ask(
        "[p.timeline.events.length, p.timeline.texts.size, p.timeline.begin,"
        " p.timeline.waiting.size, p.timeline.reached.size]"
    )
    assert 48_000 <= kept <= 60_000
    assert texts <= 30_000 + 100
    assert waiting == 0
    assert reached <= 51
    assert first > 100
    watched.wait("p.head.time > 199")
    watched.wait(f"Number(p.controls.slider.min) === {first}")
    watched.pause(0)
    assert watched.ask("p.time") == first


def test_who_looks_at_the_oldest_events_is_moved_on(watched):
    watched.mount(stage(mode="live"), events([1, "-", 2, "crash"], now=2), served=True)
    watched.pause(0.5)
    watched.page.evaluate(
        f"""() => {{
            const events = Array.from({{ length: 65_000 }}, (_, n) => [2 + n / 1e4, "l", 0, "line"]);
            {PLAYER}.receive({{ type: "events", now: 9, events }});
        }}"""
    )
    watched.press("Step")
    watched.wait("p.time > 2 && p.status('n2') === 'down'")


# State


def history(count=30, length=45_000, seed=1):
    """Return many events of all kinds, in a possible order."""
    dice = random.Random(seed)
    rows, up, paused = [], set(range(count)), set()
    for serial in range(length // 2):
        time, one, other = serial / 1000, *dice.sample(range(count), 2)
        chance = dice.random()
        if chance < 0.01 and one in up:
            rows.append([time, "-", one, "crash"])
            up.discard(one)
        elif chance < 0.02:
            rows.append([time, "+", one])
            up.add(one)
        elif chance < 0.03 and one in up:
            rows.append([time, "q" if one in paused else "p", one])
            paused ^= {one}
        elif chance < 0.05:
            rows.append([time, dice.choice("cx"), one, other, "gone"][: 5 if chance < 0.04 else 4])
        elif chance < 0.06:
            rows.append([time, "k", one, other, dice.randrange(2)])
        elif chance < 0.07:
            look = {"color": dice.choice(["red", 7, None, "miner"]), "label": str(serial)}
            rows.append([time, "w", one, look])
        elif chance < 0.2:
            rows.append([time, "s", one, other, 0, serial, serial % 3])
            rows.append(
                [time, "d", one, other, 0, serial, serial % 3, dice.choice(["cut", "lost"])]
            )
        else:
            rows += flight(time, time + dice.random() / 10, one, other, serial, serial % 3)
    return sorted(rows, key=lambda row: row[0])


DIGEST = """(() => {
    const { state, number } = p.head;
    const open = [...state.open].map((flight) => flight.serial);
    const had = state.nodes.map((node, at) => p.head.hasIt(at));
    return JSON.stringify([number, state.nodes, [...state.links.keys()].sort(),
        [...state.cuts].sort(), open, had, p.counts()]);
})()"""


def test_seeking_back_and_forth_shows_what_playing_shows(watched):
    texts = ["Rumor(1)", "Rumor(2)", "Rumor(3)"]
    watched.mount(stage(30), events(*history(), texts=texts))
    watched.press("Pause")
    times = [0, 0.0205, 1, 3.3, 8, 13.21, 16, 22]
    played = {}
    for time in times:  # forwards only: every event is applied once
        watched.ask(f"p.seek({time})")
        played[time] = watched.ask(DIGEST)
    assert len(set(played.values())) == len(times)
    dice = random.Random(2)
    for time in dice.sample(times, len(times)) + dice.sample(times, len(times)):
        watched.ask(f"p.seek({time})")
        assert watched.ask(DIGEST) == played[time]
    copies = watched.ask("p.timeline.checkpoints.map((each) => each.state.time)")
    assert len(copies) == 2
    assert all(time < 22 for time in copies)  # later events have not changed them


def test_nodes_and_links_come_and_go(watched):
    rows = [
        [1, "-", 1, "crash"],
        [2, "p", 2],
        [3, "q", 2],
        [4, "+", 1],
        [4.5, "c", 1, 2],
        [4.5, "c", 2, 1],
        [5, "x", 3, 4, "gone"],
        [5, "x", 4, 3, "gone"],
    ]
    watched.mount(stage(), events(*rows))
    seen = []
    for time in (0.5, 1, 2, 3, 4, 4.5, 5):
        watched.pause(time)
        seen.append(
            [
                watched.ask("p.status('n1')"),
                watched.ask("p.counts()"),
                watched.ask("p.head.state.links.size"),
            ]
        )
    assert seen == [
        ["up", {"up": 6, "paused": 0, "down": 0}, 6],
        ["down", {"up": 5, "paused": 0, "down": 1}, 4],
        ["down", {"up": 4, "paused": 1, "down": 1}, 4],
        ["down", {"up": 5, "paused": 0, "down": 1}, 4],
        ["up", {"up": 6, "paused": 0, "down": 0}, 4],
        ["up", {"up": 6, "paused": 0, "down": 0}, 5],
        ["up", {"up": 6, "paused": 0, "down": 0}, 4],
    ]
    assert watched.ask("p.status('nobody')") is None


def test_a_link_is_cut_when_told_or_when_messages_are_dropped_for_it(watched):
    rows = [
        [1, "k", 0, 1, 1],
        [2, "s", 1, 2, 0, 1, -1],
        [2, "d", 1, 2, 0, 1, -1, "cut"],
        [3, "r", 1, 0, 0, 7, -1],  # was on its way: Python's word counts
        [3, "r", 1, 2, 0, 8, -1],
        [4, "k", 0, 1, 0],
    ]
    watched.mount(stage(), events(*rows))
    cuts = []
    for time in (0, 1, 2, 3, 4):
        watched.pause(time)
        cuts.append(watched.ask("[...p.head.state.cuts.values()].map(([a, b]) => [a, b].sort())"))
    assert cuts == [[], [[0, 1]], [[0, 1], [1, 2]], [[0, 1]], []]


def test_new_nodes_come_and_nodes_move(watched):
    rows = [
        [1, "n", 6, "newcomer", 0.0, 0.0],
        [1, "+", 6],
        [2, "m", [[0, 5.0, 5.0], [6, 1.0, 1.0]]],
    ]
    watched.mount(stage(), events(*rows, now=9))
    watched.pause(0.5)
    assert watched.ask("p.stage.spots.length") == 6
    watched.pause(1)
    assert watched.ask("p.status('newcomer')") == "up"
    assert watched.texts(".p2p-log li") == ["1.00newcomer is new"] or "newcomer is new" in str(
        watched.texts(".p2p-log li")
    )
    watched.pause(2)
    before = watched.ask("p.stage.view.toPixels([2, 0])")
    assert watched.spot(0) == pytest.approx(before)
    watched.pause(2.25)
    halfway = watched.ask("p.stage.view.toPixels([3.5, 2.5])")
    assert watched.spot(0) == pytest.approx(halfway)
    watched.pause(3)
    assert watched.spot(0) == pytest.approx(watched.ask("p.stage.view.toPixels([5, 5])"))
    width, height = watched.ask("[p.stage.view.width, p.stage.view.height]")
    assert all(0 < watched.spot(n)[0] < width and 0 < watched.spot(n)[1] < height for n in range(7))


def test_a_new_stage_forgets_all_that_was(watched):
    watched.mount(stage(), events([1, "-", 0, "crash"], texts=["Old"], now=7))
    watched.pause(7)
    watched.receive(stage(3, title="Another", time=100.0), events([101, "p", 1], texts=["New"]))
    watched.pause(101)
    assert watched.ask("[p.time, p.end, p.counts()]") == [
        101,
        101,
        {"up": 2, "paused": 1, "down": 0},
    ]
    assert watched.texts(".p2p-name") == ["Another"]
    assert len(watched.texts(".p2p-log li")) == 1
    assert watched.ask("p.timeline.texts.size") == 1


# What flies


def motion(watched, time):
    """Return what moves when the head stands at this time, at speed 1."""
    watched.pause(time)
    return watched.ask("p.stage.motion")


def test_a_dot_is_on_its_way_from_sending_to_arrival(watched):
    watched.mount(stage(), events(*flight(1, 3, 0, 1, 1), texts=["Rumor"], now=9))
    places = [
        [share for _, share in motion(watched, time)["dots"]] for time in (0.9, 1.5, 2, 2.5, 3)
    ]
    assert places == [[], [0.25], [0.5], [0.75], []]
    assert motion(watched, 3.2)["glows"][0][1] == pytest.approx(0.5)  # the link glows for 0.4 s
    assert not motion(watched, 3.5)["glows"]


def test_a_fast_message_is_seen_and_a_lost_one_stops_half_way(watched):
    lost = [[2, "s", 0, 1, 0, 2, 0], [2, "d", 0, 1, 0, 2, 0, "lost"]]
    rows = [*flight(1, 1.0002, 0, 1, 1), *lost]
    watched.mount(stage(), events(*rows, texts=["Rumor"], now=9))
    assert motion(watched, 1.175)["dots"][0][1] == pytest.approx(0.5)
    assert motion(watched, 2.175)["dots"][0][1] == pytest.approx(0.25)
    seen = motion(watched, 2.55)
    assert not seen["dots"]
    assert seen["crosses"][0][1:] == [0.5, pytest.approx(0.5)]


def test_a_dot_waits_for_news_of_its_arrival_and_is_given_up_in_the_end(watched):
    watched.mount(stage(), events([1, "s", 0, 1, 0, 1, 0], texts=["Rumor"], now=20))
    places = [motion(watched, time)["dots"][0][1] for time in (1.1, 1.5, 2.5, 5)]
    assert places == sorted(places)
    assert places[-1] <= 0.9
    assert not motion(watched, 15)["dots"]


def test_what_was_never_seen_to_leave_is_a_pulse(watched):
    rows = [
        [1, "r", 0, -1, 0, 0, 0],
        [1, "r", 1, 0, 0, 9, 0],
        [1, "d", 2, -1, -1, 0, -1, "refused"],
    ]
    watched.mount(stage(), events(*rows, texts=["Rumor"], now=9))
    assert [event["node"] for event, _ in motion(watched, 1.1)["pulses"]] == [2, 1, 0]
    assert not motion(watched, 2)["pulses"]


# What is seen


def colors(watched):
    return watched.ask("p.stage.spots.map((spot) => spot.color)")


GREY, ORANGE, BLUE = "#d9d9d9", "#e69f00", "#0072b2"


def test_those_who_have_the_followed_message_are_orange(watched):
    rows = [
        *flight(0.5, 0.6, 5, 4, 1, text=0, kind=1),  # what nodes say anyway
        [1, "r", 0, -1, 0, 0, 1],  # what was told from outside is followed rather
        *flight(1, 2, 0, 1, 1, text=1),
        *flight(3, 4, 3, 2, 2, text=2),
    ]
    watched.mount(stage(), events(*rows, texts=["Ack()", "Rumor('a')", "Rumor('b')"]))
    watched.pause(1)
    assert colors(watched) == [ORANGE, *5 * [GREY]]
    watched.pause(2)
    assert colors(watched) == [ORANGE, ORANGE, *4 * [GREY]]
    assert watched.page.get_by_label("Message to follow").inner_text().splitlines() == [
        "Ack()",
        "Rumor('a')",
        "Rumor('b')",
    ]
    assert "2 of 6 nodes" in watched.page.locator(".p2p-curve").get_attribute("aria-label")
    watched.page.get_by_label("Message to follow").select_option("2")
    watched.painted()
    assert colors(watched) == 6 * [GREY]
    watched.pause(4)
    assert colors(watched) == [GREY, GREY, ORANGE, ORANGE, GREY, GREY]


def test_where_colours_mean_something_else_no_message_is_followed_unless_it_was_told(watched):
    rows = [*flight(0.5, 0.6, 5, 4, 1, text=0), [1, "w", 0, {"color": 3}]]
    watched.mount(stage(), events(*rows, texts=["Offer(1.0)", "Rumor('a')"]))
    watched.pause(0.6)
    follow = watched.page.get_by_label("Message to follow")
    assert follow.inner_text().splitlines() == ["choose a message", "Offer(1.0)"]
    assert colors(watched) == 6 * [GREY]  # nobody has a look yet, and nobody "has it"
    assert not watched.page.locator(".p2p-curve").is_visible()
    assert "has it" not in watched.page.locator(".p2p-legend").inner_text()
    follow.select_option("0")
    watched.painted()
    assert watched.page.locator(".p2p-curve").is_visible()
    follow.select_option("-1")
    watched.painted()
    assert not watched.page.locator(".p2p-curve").is_visible()
    rows = [*rows, [2, "r", 0, -1, 0, 0, 1]]
    watched.mount(stage(), events(*rows, texts=["Offer(1.0)", "Rumor('a')"]))
    watched.painted()
    assert watched.ask("p.timeline.followed") == 1
    assert watched.page.locator(".p2p-curve").is_visible()


@pytest.mark.parametrize(("mode", "followed"), [("live", 1), ("replay", 0), ("simulated", 0)])
def test_in_a_live_network_what_was_told_last_is_followed(watched, mode, followed):
    rows = [[1, "r", 0, -1, 0, 0, 0], [2, "r", 3, -1, 0, 0, 1]]
    watched.mount(stage(mode=mode), events(*rows, texts=["Rumor('a')", "Rumor('b')"]))
    assert watched.ask("p.timeline.followed") == followed
    watched.page.get_by_label("Message to follow").select_option("0")
    watched.receive(events([3, "r", 3, -1, 0, 0, 2], texts=["Rumor('c')"]))
    assert watched.ask("p.timeline.followed") == 0  # the watcher knows better


def test_colors_of_nodes_and_the_legend(watched):
    looks = [{"color": "#ff0000"}, {"color": 0}, {"color": 10}, {"color": "miner"}, {"color": None}]
    rows = [[1, "w", number, look] for number, look in enumerate(looks)]
    rows += [
        [1, "w", 5, {"color": "wallet", "size": 3, "label": "Zoe"}],
        [2, "p", 0],
        [2, "-", 1, "crash"],
    ]
    watched.mount(stage(), events(*rows, [2, "k", 2, 3, 1], now=9))
    watched.pause(0)
    assert colors(watched) == 6 * [GREY]
    watched.pause(1)
    assert colors(watched) == ["#ff0000", "#440154", "#fde725", BLUE, GREY, ORANGE]
    assert watched.ask("p.stage.spots[5].name") == "Zoe"
    legend = watched.texts(".p2p-entry")
    assert legend[:2] == ["Rumor", "Ack"]
    assert {"miner", "wallet"} <= set(legend)
    assert "not yet" not in legend
    assert "down" not in legend
    assert [re.sub(r"\s", "", entry) for entry in legend if "10" in entry] == ["010"]
    watched.pause(2)
    assert watched.texts(".p2p-entry")[-3:] == ["paused", "down", "cut"]
    watched.receive(events(now=9, kinds=["Rumor", "Ack", "Nack"], note="1 in 8 is shown"))
    watched.page.locator(".p2p-entry", has_text="Nack").wait_for()
    assert watched.texts(".p2p-note") == ["1 in 8 is shown"]


def pixel(watched, x, y):
    """Return the colour of the stage at a place."""
    return watched.ask(
        f"[...p.stage.canvas.getContext('2d').getImageData({round(x)}, {round(y)}, 1, 1).data]"
    )


def darkest(watched, x, y, radius, degrees):
    """Return the darkest red across a circle's outline, where it stands at so many degrees."""
    dx, dy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across = [radius + step for step in (-1, -0.5, 0, 0.5, 1)]
    pixels = [pixel(watched, x + r * dx, y + r * dy) for r in across]
    return min(red if alpha > 40 else 255 for red, _, _, alpha in pixels)


def test_a_dead_node_is_hollow_with_a_dashed_outline_and_a_cross(watched):
    watched.mount(stage(), events([1, "-", 1, "crash"], [1, "p", 2], now=9))
    watched.pause(1)
    x, y = watched.spot(1)
    radius = watched.ask("p.stage.spots[1].r")
    assert max(pixel(watched, x, y)[:3]) < 160  # the middle of the cross
    assert pixel(watched, x + 0.6 * radius, y) == [255, 255, 255, 255]  # hollow
    gaps = [darkest(watched, x, y, radius, turn) > 200 for turn in range(0, 360, 6)]
    assert 8 <= sum(gaps) < 45  # dashes: none without, some 12 with
    assert not any(
        darkest(watched, *watched.spot(0), radius, turn) > 200 for turn in range(0, 360, 30)
    )
    x, y = watched.spot(0)
    assert pixel(watched, x + 0.8 * radius, y)[:3] == [217, 217, 217]
    x, y = watched.spot(2)
    across = [pixel(watched, x + step, y)[0] < 100 for step in range(-8, 9)]
    assert "".join("#" if dark else "." for dark in across).strip(".").count(".") >= 2  # two bars


def test_many_links_are_drawn_only_when_they_carry_something(watched):
    links = [[one, (one + step) % 250] for one in range(250) for step in (1, 2, 3)]
    watched.mount(stage(250, links=links), events(*flight(1, 2, 0, 1, 1), texts=["Rumor"]))
    watched.pause(0.5)
    assert watched.ask("[p.head.state.links.size, p.stage.links.length]") == [750, 0]
    watched.receive(stage(250))
    watched.pause(0)
    assert watched.ask("p.stage.links.length") == 250


def test_the_wheel_zooms_when_the_player_was_clicked_and_a_drag_moves(watched):
    watched.mount(stage(), events(now=9))
    watched.pause(1)
    before = watched.ask("p.stage.view.scale")
    watched.canvas.hover(position={"x": 50, "y": 60})
    watched.page.mouse.wheel(0, -100)  # belongs to the page
    assert watched.ask("p.stage.view.scale") == before
    watched.click(50, 60)
    under = watched.ask(
        "[(50 - p.stage.view.x) / p.stage.view.scale, (60 - p.stage.view.y) / p.stage.view.scale]"
    )
    watched.page.mouse.wheel(0, -100)
    watched.wait(f"p.stage.view.scale > {before} * 1.2")
    now = watched.ask(
        "[(50 - p.stage.view.x) / p.stage.view.scale, (60 - p.stage.view.y) / p.stage.view.scale]"
    )
    assert now == pytest.approx(under)  # what is under the pointer stays there
    watched.painted()
    x, y = watched.spot(0)
    box = watched.canvas.bounding_box()
    watched.page.mouse.move(box["x"] + 40, box["y"] + 40)
    watched.page.mouse.down()
    watched.page.mouse.move(box["x"] + 70, box["y"] + 20, steps=4)
    watched.page.mouse.up()
    watched.painted()
    assert watched.spot(0) == pytest.approx((x + 30, y - 20))
    watched.page.get_by_role("button", name="fit").click()
    watched.wait(f"p.stage.view.scale === {before}")


def test_the_log_tells_what_happened_and_is_bounded(watched):
    rows = [
        [1, "l", 0, "so far so good"],
        [1, "e", 1, "ValueError: no"],
        [1, "u", 2, "127.0.0.1:9 refused"],
        [1, "d", 3, 4, 0, 1, 0, "lost"],
        [1, "d", 4, 3, 0, 1, 0, "lost"],
        [2, "k", 0, 1, 1],
        [2.1, "k", 0, 1, 0],
        [2.1, "k", 1, 2, 0],
        *([3 + number / 1000, "l", 0, f"line {number}"] for number in range(300)),
    ]
    watched.mount(stage(), events(*rows, texts=["Rumor"]))
    watched.pause(2)
    assert [line.split("\n")[-1] for line in watched.texts(".p2p-log li")] == [
        "n0: so far so good",
        "n1: ValueError: no",
        "n2: 127.0.0.1:9 refused",
        "2 messages are dropped: lost",
        "the link between n0 and n1 is cut",
    ]
    watched.pause(2.5)
    assert watched.texts(".p2p-log li")[-1].endswith("2 links are mended")
    watched.pause(9)
    lines = watched.texts(".p2p-log li")
    assert len(lines) == 200
    assert lines[-1].endswith("line 299")
    assert watched.ask("p.log.element.scrollTop > 100")  # the last line is in sight


# What can be done


def served(watched, *rows, **more):
    return watched.mount(
        stage(mode="live", verbs=VERBS, tells=TELLS), events(*rows, **more), served=True
    )


def test_a_click_on_a_node_offers_what_fits(watched):
    served(watched, [1, "-", 1, "crash"], [1, "p", 2], now=2)
    watched.pause(1.5)
    for number, offers in [
        (0, ["crash", "pause", "tell Rumor…", "tell Ping…"]),
        (1, ["restart"]),
        (2, ["resume", "crash", "tell Rumor…", "tell Ping…"]),
    ]:
        for offer in (each for each in offers if not each.startswith("tell")):
            watched.click(*watched.spot(number))
            assert watched.texts("[role=menuitem]") == offers
            watched.page.get_by_role("menuitem", name=offer).click()
            assert watched.posts()[-1] == {"type": "do", "verb": offer, "nodes": [f"n{number}"]}
            assert not watched.page.locator(".p2p-menu").is_visible()


def test_a_click_on_a_link_cuts_and_mends_it(watched):
    served(watched, [1, "k", 2, 3, 1], now=2)
    watched.pause(1.5)
    for one, other, verb in [(0, 1, "cut"), (2, 3, "mend")]:
        (ax, ay), (bx, by) = watched.spot(one), watched.spot(other)
        watched.click(0.7 * ax + 0.3 * bx, 0.7 * ay + 0.3 * by)
        assert watched.texts("[role=menuitem]") == [verb]
        watched.page.get_by_role("menuitem", name=verb).click()
        post = watched.posts()[-1]
        assert post == {"type": "do", "verb": verb, "nodes": [f"n{one}", f"n{other}"]}
    watched.press("Heal")
    assert watched.posts()[-1] == {"type": "do", "verb": "heal", "nodes": []}


def test_a_node_is_told_something(watched):
    served(watched, now=2)
    watched.pause(1)
    watched.click(*watched.spot(0))
    watched.page.get_by_role("menuitem", name="tell Rumor").click()
    watched.page.get_by_label("text: str").fill("hello")
    watched.page.get_by_label("hops: int").fill("3")
    watched.page.keyboard.press("Enter")
    fields = {"text": "hello", "hops": "3"}
    told = {"type": "do", "verb": "tell", "nodes": ["n0"], "kind": "Rumor", "fields": fields}
    assert watched.posts() == [told]
    watched.click(*watched.spot(0))
    watched.page.keyboard.press("Escape")
    assert not watched.page.locator(".p2p-menu").is_visible()
    watched.receive({"type": "said", "text": "n0 was told"})
    assert watched.texts(".p2p-said") == ["n0 was told"]


def test_nothing_is_offered_where_there_is_nobody_to_talk_to(watched):
    watched.mount(stage(), events(now=2))
    watched.pause(1)
    watched.click(*watched.spot(0))
    assert not watched.page.locator(".p2p-menu").is_visible()
    assert not watched.page.get_by_label("Heal").is_visible()
    served(watched, now=2, closed=True)
    watched.pause(1)
    watched.click(*watched.spot(0))
    assert not watched.page.locator(".p2p-menu").is_visible()
    assert watched.posts() == []


def test_hover_shows_the_state_of_a_node(watched):
    watched.mount(stage(), events([1, "w", 0, {"state": [["heard", "{1}"]]}], [2, "p", 1], now=5))
    watched.pause(1)
    watched.hover(0)
    watched.page.locator(".p2p-card", has_text="heard").wait_for()
    assert watched.texts(".p2p-card")[0].split() == ["n0", "up", "heard", "{1}"]
    watched.canvas.hover(position={"x": 5, "y": 5})
    watched.page.locator(".p2p-card").wait_for(state="hidden")


def test_hover_shows_what_a_message_says(watched):
    watched.mount(stage(), events(*flight(1, 3, 0, 1, 1), now=5, texts=["Rumor(text='hello')"]))
    watched.pause(2)
    dot = watched.ask("p.stage.dots[0]")
    watched.canvas.hover(position={"x": dot["x"], "y": dot["y"]})
    watched.page.locator(".p2p-card", has_text="n0 → n1: Rumor(text='hello')").wait_for()
    watched.canvas.hover(position={"x": 5, "y": 5})
    watched.page.locator(".p2p-card").wait_for(state="hidden")


def test_what_is_shown_beside_a_node_is_as_wide_as_it_needs_in_a_narrow_place_too(watched):
    state = [["heard", "{Rumor(text='hello')}"]]
    watched.mount(stage(), events([1, "w", 0, {"state": state}], now=5))  # n0 is at the right
    watched.page.set_viewport_size({"width": 420, "height": 900})
    watched.wait("p.stage.view.width < 420 && p.stage.spots.every((spot) => spot.x < 420)")
    watched.pause(0.5)
    watched.hover(0)
    watched.page.locator(".p2p-card").wait_for()  # small, and far to the right
    watched.pause(1)
    row = watched.page.locator(".p2p-card .p2p-row span").last
    row.wait_for()
    assert row.bounding_box()["height"] < 30  # one line
    card, box = (watched.page.locator(each).bounding_box() for each in (".p2p-card", ".p2p-stage"))
    assert card["x"] + card["width"] <= box["x"] + box["width"]


def test_long_names_keep_their_beginning_and_their_end(watched):
    setting = stage(mode="simulated")
    setting["nodes"][0][0] = "a node with quite a long name, number 12"
    watched.mount(setting, events(now=1))
    watched.painted()
    assert watched.ask("p.stage.spots[0].name") == "a node with …, number 12"


def test_hover_asks_a_live_network(watched):
    served(watched, now=2)
    watched.wait("p.frames > 0 && p.stage.spots.length === 6")
    watched.hover(3)
    watched.page.wait_for_function("window.posts.some((post) => post.type === 'inspect')")
    assert watched.posts("inspect")[0] == {"type": "inspect", "node": "n3"}
    watched.receive({"type": "node", "node": "n3", "state": [["height", "12"]]})
    watched.page.locator(".p2p-card", has_text="height").wait_for()


# Other people's text


def test_text_is_shown_as_text_and_nothing_else(watched):
    setting = stage(mode="live", verbs=VERBS, title=EVIL, note=EVIL, kinds=[EVIL])
    setting["tells"] = [{"kind": EVIL, "fields": [[EVIL, EVIL]]}]
    setting["nodes"][0][0] = EVIL
    look = {"label": EVIL, "color": EVIL, "state": [[EVIL, EVIL]]}
    rows = [
        [1, "w", 0, look],
        [1, "l", 0, EVIL],
        [1, "r", 0, -1, 0, 0, 0],
        [1, "d", 1, 0, 0, 1, 0, EVIL],
        [1, "x", 1, 0, EVIL],
        [1, "n", 6, EVIL, 0.0, 0.0],
    ]
    watched.mount(setting, events(*rows, now=2, texts=[EVIL]), served=True)
    watched.receive(
        {"type": "said", "text": EVIL}, {"type": "node", "node": EVIL, "state": [[EVIL, EVIL]]}
    )
    watched.pause(1.5)
    watched.hover(0)
    watched.page.locator(".p2p-card").wait_for()
    for selector in (".p2p-name", ".p2p-note", ".p2p-said", ".p2p-card", ".p2p-log", ".p2p-legend"):
        assert EVIL[:30] in watched.page.locator(selector).inner_text().replace("\n", "")
    watched.click(*watched.spot(0))
    assert EVIL in watched.page.locator(".p2p-menu").inner_text()
    watched.page.get_by_role("menuitem", name="tell").click()
    assert EVIL in watched.page.locator(".p2p-menu").inner_text()
    watched.page.locator(".p2p-menu input").fill(EVIL)
    watched.page.keyboard.press("Enter")
    assert watched.posts()[-1]["fields"] == {EVIL: EVIL}
    for _ in range(len(rows)):
        watched.press("Step")
    assert (
        watched.page.evaluate("document.querySelectorAll('.p2pkit-live :is(script, img)').length")
        == 0
    )
    assert watched.page.evaluate("document.scripts.length") == 1


# The house around


def test_a_player_that_is_destroyed_leaves_nothing_behind(watched):
    watched.mount(stage(), events(*flight(1, 60, 0, 1, 1), texts=["Rumor"]))
    watched.page.evaluate("window.mounted.destroy()")
    assert watched.page.evaluate("document.getElementById('home').childNodes.length") == 0
    watched.page.evaluate("window.mounted.receive({type: 'events', now: 70, events: []})")
    assert watched.page.evaluate("window.mounted.request") == 0


def test_a_narrow_place_puts_one_thing_below_the_other(watched):
    watched.mount(stage(), events(now=2))
    box, side = (watched.page.locator(each) for each in (".p2p-stage", ".p2p-side"))
    assert side.bounding_box()["x"] > box.bounding_box()["x"] + box.bounding_box()["width"]
    watched.page.set_viewport_size({"width": 420, "height": 900})
    assert side.bounding_box()["y"] > box.bounding_box()["y"] + box.bounding_box()["height"]
    watched.wait("p.stage.view.width < 420 && p.stage.spots.every((spot) => spot.x < 420)")


def test_a_page_of_its_own_is_filled(watched):
    watched.mount(stage(), events(now=2), page_class="p2pkit-full")
    watched.pause(1)
    before = watched.page.locator(".p2p-stage").bounding_box()["height"]
    watched.page.set_viewport_size({"width": 1040, "height": 920})
    assert watched.page.locator(".p2p-stage").bounding_box()["height"] == pytest.approx(
        before + 300
    )
    scale = watched.ask("p.stage.view.scale")
    watched.canvas.hover(position={"x": 50, "y": 60})
    watched.page.mouse.wheel(0, -100)  # the wheel has nothing else to do here
    watched.wait(f"p.stage.view.scale > {scale}")


def test_every_button_says_what_it_is(watched):
    served(watched, now=2)
    names = watched.page.evaluate(
        "[...document.querySelectorAll('.p2pkit-live :is(button, input, select)')]"
        ".map((each) => each.getAttribute('aria-label') ?? each.textContent)"
    )
    assert all(names)
