"""Captions: sentences that are true of a clip, written from its scene and from what is measured in it.

The first is the scene's own sentence. The others put it together with what the recording knows of light, camera and
surroundings (`Recording.details`), and with the motion of bodies and camera in this very clip (`movement`).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.data.manifest import Row
from simcraft.data.movement import Movement, camera_words, material_of, movements_of
from simcraft.recording import Recording

NOUNS = {
    "ball": "balls",
    "barrel": "barrels",
    "bird": "birds",
    "block": "blocks",
    "bottle": "bottles",
    "box": "boxes",
    "brick": "bricks",
    "can": "cans",
    "car": "cars",
    "cloth": "cloths",
    "cone": "cones",
    "crate": "crates",
    "cube": "cubes",
    "cushion": "cushions",
    "cylinder": "cylinders",
    "disc": "discs",
    "domino": "dominoes",
    "drum": "drums",
    "jelly": "jellies",
    "pillar": "pillars",
    "pin": "pins",
    "planet": "planets",
    "ring": "rings",
    "shelf": "shelves",
    "sphere": "spheres",
    "statue": "statues",
    "stone": "stones",
    "torus": "tori",
}
"""Things that captions may call by their name: singular -> plural. Bodies with other names are not spoken of."""

_SINGULAR = {plural: noun for noun, plural in NOUNS.items()}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_BEFORE_ADJECTIVES = {
    "a",
    "an",
    "the",
    "of",
    "with",
    "into",
    "onto",
    "on",
    "and",
    "as",
    "while",
    "until",
    "over",
    "from",
    "other",
}
_GROUND = "(?:floor of hexagonal tiles|floor|table|ground|carpet|lawn|street)"
_BARE_GROUND = "(?:asphalt|brick paving|cobblestones|gravel|sand|grass|bare soil|snow)"
_PLACE = re.compile(
    rf"\b(?:on|onto|over|across|in) ((?:an?|the) (?:[\w-]+ ){{0,4}}?{_GROUND}|{_BARE_GROUND})(?=$|[ ,.])"
)
_PREPOSITIONS = ("at", "between", "in", "on", "under")
_STILL = "the camera stands still"
_BACKGROUND = "background"
"""Begins the names of things that only stand around."""


@dataclass(frozen=True)
class _Group:
    """Bodies that go by one noun, such as dominoes."""

    noun: str
    total: int
    """How many the scene has, seen or not; copies of one body count once."""
    copies: bool
    """Are they copies, which are not told apart?"""
    members: tuple[Movement, ...]
    """Those that are seen."""

    @property
    def several(self) -> bool:
        return self.copies or self.total > 1

    @property
    def counted(self) -> int | None:
        """How many there are, where the camera sees all of them; else None."""
        return self.total if not self.copies and len(self.members) == self.total else None

    @property
    def moving(self) -> tuple[Movement, ...]:
        return tuple(m for m in self.members if m.moves)

    @property
    def leader(self) -> Movement:
        """The member that moves most."""
        return max(self.members, key=lambda m: (m.goes, m.way))


@dataclass(frozen=True)
class _Facts:
    """What there is to say."""

    sentence: str
    """The scene's own, without its full stop."""
    details: tuple[str, ...]
    """Of light and surroundings; what they say of the camera is in `camera`."""
    camera: str
    """ "the camera circles the scene", or ""."""
    groups: tuple[_Group, ...]


def captions_of(recording: Recording, clip: MotionClip, row: Row) -> tuple[str, ...]:
    """Several phrasings of what is to be seen in `clip`, the scene's own sentence first; `row.seed` chooses words.

    Fewer where less is known: of a scene without a sentence, only what is measured; of a clip without instances or
    camera, nothing that would take them.

    Parameters
    ----------
    recording: the scene, with the clip's frames.
    """
    facts = _facts(recording, clip)
    generator = np.random.default_rng(row.seed)
    drawn = [
        facts.sentence,
        _with_details(facts),
        _title(facts, generator),
        _motion_first(facts, generator),
        _circumstance_first(facts, generator),
    ]
    finished = (_finished(text) for text in drawn if text)
    return tuple(dict.fromkeys(finished))


def _facts(recording: Recording, clip: MotionClip) -> _Facts:
    details = tuple(detail.strip().rstrip(".") for detail in recording.details)
    about_camera = [detail for detail in details if "camera" in detail]
    measured = camera_words(clip)
    camera = f"the camera {measured}" if measured else ""
    # the scene's words are better, unless this part of the scene does not bear them out
    if about_camera and measured and measured != "stands still":
        camera = about_camera[0]
    return _Facts(
        sentence=recording.caption.strip().rstrip("."),
        details=tuple(detail for detail in details if "camera" not in detail),
        camera=camera,
        groups=_groups(recording, movements_of(recording, clip)),
    )


def _groups(recording: Recording, movements: list[Movement]) -> tuple[_Group, ...]:
    """By noun, those that begin to move first in front."""
    there = [body for body in recording.bodies if body.present is None or body.present.any()]
    total = Counter(_noun(body.name, material_of(recording, body)) for body in there if not _stands_around(body.name))
    named: dict[str, list[Movement]] = {}
    for movement in movements:
        # what stands around in the background is the details' matter
        if (noun := _noun(movement.name, movement.material)) and not _stands_around(movement.name):
            named.setdefault(noun, []).append(movement)
    groups = [_Group(noun, total[noun], any(m.copies for m in ms), tuple(ms)) for noun, ms in named.items()]
    return tuple(sorted(groups, key=lambda g: min((m.begins for m in g.moving), default=len(movements) + 10**6)))


def _stands_around(name: str) -> bool:
    return name.startswith(_BACKGROUND)


def _noun(*names: str) -> str:
    """What a body of these names is called; "" for what captions have no word for."""
    for name in names:
        for word in re.findall(r"[a-z]+", name.lower()):
            if word in NOUNS or word in _SINGULAR:
                return _SINGULAR.get(word, word)
    return ""


# ----------------------------------------------------------------------------------------------------------- phrasings


def _with_details(facts: _Facts) -> str:
    """The sentence, and all that is known beside it."""
    extra = [text for text in (*facts.details, facts.camera) if text]
    phrases, clauses = [t for t in extra if not _is_clause(t)], [t for t in extra if _is_clause(t)]
    return "; ".join([", ".join([facts.sentence, *phrases]), *clauses]) if facts.sentence and extra else ""


def _title(facts: _Facts, generator: np.random.Generator) -> str:
    """A short title, as in "seven wooden dominoes on a marble floor, low sun, pushed from the left"."""
    groups = [group for group in facts.groups if group.moving]
    if not groups:
        return ""
    subject = max(groups, key=lambda g: g.total if g.several else 0)
    briefly = [detail for detail in facts.details if not _is_clause(detail)]
    place, motion = _place(subject, facts.sentence), _title_motion(subject, groups)
    if not place and not motion:
        return ""
    parts = [_counted(subject, facts.sentence) + place, *briefly[: int(generator.integers(1, 3))], motion]
    return ", ".join(part for part in parts if part)


def _place(group: _Group, sentence: str) -> str:
    """Where the sentence says that the group is, or over what."""
    place = _PLACE.search(sentence)
    if place is None:
        return ""
    name = NOUNS[group.noun] if group.several else group.noun
    return f" {'on' if re.search(rf'{name} on$', sentence[: place.start(1)].rstrip()) else 'over'} {place.group(1)}"


def _title_motion(subject: _Group, groups: list[_Group]) -> str:
    first = groups[0].leader
    topples = [m for m in subject.moving if m.verb == "topples"]
    leader = min(topples, key=lambda m: m.begins) if topples else subject.leader
    # what sets off after another thing, and the same way, was pushed by it
    if groups[0] is not subject and first.goes and leader.begins > first.begins and leader.origin == first.origin:
        return f"pushed {leader.origin}"
    if topples:
        return "toppling"
    directions = {m.direction for m in subject.moving if m.goes}
    if len(directions) != 1:
        return ""
    doing = {"rolls": "rolling", "falls": "falling", "rises": "rising", "flies": "flying", "bounces": "bouncing"}.get(
        leader.verb, "moving"
    )
    return f"{doing} {directions.pop()}".strip()


def _motion_first(facts: _Facts, generator: np.random.Generator) -> str:
    """What moves, in the order in which it begins to, and then the camera."""
    clauses = [clause for group in facts.groups if (clause := _clause(group, facts.sentence))][:3]
    if not clauses:
        return ""
    camera = facts.camera
    if camera == _STILL and generator.random() < 0.5:
        camera = ""
    if camera and not _is_clause(camera):
        return f"{_listed(clauses)}, {camera}"
    return _listed([*clauses, camera] if camera else clauses)


def _clause(group: _Group, sentence: str) -> str:
    """ "seven of the 21 dominoes fall over", "the red and violet ball rolls to the right", ..."""
    if not group.moving:
        return ""
    leader, plural = group.leader, NOUNS[group.noun]
    if not group.several:
        name = _described(group.noun, sentence)
        return f"{'the ' + name if name else _article(group.noun)} {_verb_phrase(leader)}"
    if group.copies:
        return f"the {plural} move {leader.direction}".strip() if leader.goes else ""
    toppled = sum(m.verb == "topples" for m in group.moving)
    count = toppled or sum(m.goes for m in group.moving)
    if count == 0:
        return ""
    verb = ("falls over", "fall over") if toppled else ("moves", "move")
    if count == group.counted:
        return f"{'both' if count == 2 else 'all'} {plural} {verb[1]}"
    of_all = "" if group.counted is None else f"{_number(group.counted)} "
    return f"{_number(count)} of the {of_all}{plural} {verb[count > 1]}"


def _verb_phrase(movement: Movement) -> str:
    if movement.verb == "topples":
        return "falls over"
    if movement.verb == "turns":
        return "turns"
    return f"{movement.verb} {movement.direction}".strip()


def _circumstance_first(facts: _Facts, generator: np.random.Generator) -> str:
    """The sentence after what the camera does, or after one detail."""
    if not facts.sentence or ":" in facts.sentence:
        return ""
    phrases = [detail for detail in facts.details if not _is_clause(detail)]
    # a sentence such as "The camera circles ..." says so already
    if facts.camera and facts.camera != _STILL and "camera" not in facts.sentence.lower():
        first = facts.camera
    elif phrases:
        first = phrases[int(generator.integers(len(phrases)))]
    else:
        return ""
    return f"{first}{',' if first.split()[0] in _PREPOSITIONS else ':'} {_small(facts.sentence)}"


# ------------------------------------------------------------------------------------------------------------- grammar


def _is_clause(detail: str) -> bool:
    """Does it have a verb, so that it stands by itself, as in "two boxes stand in the background"?"""
    return detail.startswith("the camera ") or bool(re.search(r" stands? ", detail))


def _counted(group: _Group, sentence: str) -> str:
    """ "seven wooden dominoes", "colourful balls", "a red and violet ball"."""
    if not group.several:
        return _article(_described(group.noun, sentence) or group.noun)
    plural = NOUNS[group.noun]
    words = _described(plural, sentence) or plural
    return words if group.counted is None else f"{_number(group.counted)} {words}"


def _described(noun: str, sentence: str) -> str:
    """`noun` with the adjectives that the sentence gives it, such as "red and violet ball"; "" where it is not there
    exactly once."""
    words = sentence.lower().replace(",", " ,").split()
    places = [i for i, word in enumerate(words) if word == noun]
    if len(places) != 1:
        return ""
    first = places[0]
    while first > 0 and _is_adjective(words[first - 1]):
        first -= 1
        # "red and violet": a colour before the "and" belongs to the thing as well
        if first > 1 and words[first - 1] == "and" and _is_adjective(words[first - 2]) and words[first] != noun:
            first -= 1
    return " ".join(words[first : places[0] + 1])


def _is_adjective(word: str) -> bool:
    return word.replace("-", "").isalpha() and not (
        word in {*_BEFORE_ADJECTIVES, *_NUMBERS, *NOUNS, *_SINGULAR} or word.endswith(("ing", "ly"))
    )


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _listed(clauses: list[str]) -> str:
    """ "a and b", "a, b, and c"; clauses that hold an "and" themselves are kept apart by ", and"."""
    if len(clauses) == 1:
        return clauses[0]
    comma = "," if len(clauses) > 2 or any(" and " in clause for clause in clauses) else ""
    return f"{', '.join(clauses[:-1])}{comma} and {clauses[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _finished(text: str) -> str:
    """With a capital letter, a full stop and single spaces."""
    text = _capital(" ".join(text.split()))
    return text if text.endswith((".", "!", "?")) else f"{text}."
