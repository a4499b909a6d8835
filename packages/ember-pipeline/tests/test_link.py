"""The link against a network that reorders, duplicates and loses, and says so when it has lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ember_ml.pipeline import UsageError
from ember_ml.pipeline.runtimes._link import Link


class Network(RuleBasedStateMachine):
    """Two ends, and between them packets that the adversary delivers as it likes."""

    @initialize(window=st.integers(1, 5))
    def ends(self, window):
        self.window = window
        self.links = [Link(window=window), Link(window=window)]
        self.sent = [[], []]  # by the end that sent
        self.received = [[], []]  # by the end that received
        self.under_way = [[], []]  # by the end that will receive
        self.lost = [False, False]  # by the end that sent

    def hand_over(self, end, packet):
        self.received[end].extend(self.links[end].receive(packet))

    @rule(end=st.sampled_from([0, 1]))
    def send(self, end):
        link = self.links[end]
        frame = (end, len(self.sent[end]))
        if link.room:
            self.under_way[1 - end].append(link.send(frame))
            self.sent[end].append(frame)
        else:
            with pytest.raises(UsageError, match="frames under way; wait"):
                link.send(frame)

    @rule(end=st.sampled_from([0, 1]))
    def acknowledge(self, end):
        self.under_way[1 - end].append(self.links[end].acknowledgement())

    @rule(end=st.sampled_from([0, 1]), data=st.data())
    def deliver_any(self, end, data):
        if self.under_way[end]:
            index = data.draw(st.integers(0, len(self.under_way[end]) - 1))
            self.hand_over(end, self.under_way[end].pop(index))

    @rule(end=st.sampled_from([0, 1]), data=st.data())
    def duplicate(self, end, data):
        if self.under_way[end]:
            self.under_way[end].append(data.draw(st.sampled_from(self.under_way[end])))

    @rule(end=st.sampled_from([0, 1]), data=st.data())
    def lose(self, end, data):
        if self.under_way[end]:
            self.under_way[end].pop(data.draw(st.integers(0, len(self.under_way[end]) - 1)))
            self.lost[1 - end] = True

    @rule(end=st.sampled_from([0, 1]))
    def report_the_loss(self, end):
        if self.lost[end]:
            self.under_way[1 - end].extend(self.links[end].resend())
            self.lost[end] = False

    @invariant()
    def each_end_has_the_first_frames_of_the_other_in_order(self):
        for end in (0, 1):
            assert self.received[end] == self.sent[1 - end][: len(self.received[end])]

    @invariant()
    def the_window_bounds_what_is_under_way(self):
        for end in (0, 1):
            assert len(self.sent[1 - end]) - len(self.received[end]) <= self.window

    def teardown(self):
        """As soon as the network behaves, everything arrives."""
        if not hasattr(self, "links"):
            return
        for _ in range(3):
            for end in (0, 1):
                for packet in [*self.under_way[end], *self.links[1 - end].resend()]:
                    self.hand_over(end, packet)
                self.hand_over(end, self.links[1 - end].acknowledgement())
                self.under_way[end] = []
        assert self.received == [self.sent[1], self.sent[0]]
        assert [link.resend() for link in self.links] == [[], []]
        assert all(link.room for link in self.links)


TestNetwork = Network.TestCase
TestNetwork.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@given(st.permutations(range(6)))
def test_frames_are_put_in_order_whatever_the_order_of_arrival(order):
    sender, receiver = Link(window=6), Link(window=6)
    packets = [sender.send(letter) for letter in "abcdef"]
    arrived = [frame for place in order for frame in receiver.receive(packets[place])]
    assert "".join(arrived) == "abcdef"


def test_a_frame_waits_for_credit_which_comes_with_any_packet():
    sender, receiver = Link(window=1), Link(window=1)
    assert receiver.receive(sender.send("a")) == ["a"]
    assert not sender.room
    sender.receive(receiver.acknowledgement())
    assert receiver.receive(sender.send("b")) == ["b"]
    assert not sender.room
    sender.receive(receiver.send("reply"))
    assert sender.room
