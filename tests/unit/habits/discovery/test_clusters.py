"""Clusters of sentences: the same thing said in other words is together, another thing is apart."""

import random

import numpy as np

from secondthought.habits.discovery.clusters import SIMILAR, sentence_clusters
from secondthought.habits.discovery.words import word_table


def clusters_of(texts, problems=None, least=2):
    problems = problems or [""] * len(texts)
    table = word_table([*texts, *problems])
    found = sentence_clusters(table, np.arange(len(texts)) + len(texts), least=least)
    return table, found


def sentence(table, cluster, at=0):
    return " ".join(table.words(int(cluster.places[at]), int(cluster.lengths[at])))


def test_sentences_that_differ_in_a_number_or_a_word_are_together():
    checks = [f"Let me check this last result {end}: {n} + 1." for n in range(6) for end in ("now", "again")]
    _, found = clusters_of([*checks, *["This way leads nowhere at all."] * 3])
    assert [len(cluster.texts) for cluster in found] == [12, 3]


def test_a_text_counts_once_with_the_sentence_nearest_to_the_centre():
    table, [cluster] = clusters_of(["Oh. We see it now then. We see it now. We see it now."] * 3 + ["We see it now."])
    assert cluster.texts.tolist() == [0, 1, 2, 3]
    assert {sentence(table, cluster, at) for at in range(4)} == {"we see it now"}
    assert cluster.places.tolist() == [6, 20, 34, 42]


def test_the_most_central_sentence_stands_first():
    texts = [
        "let us add them up",
        "let us add them up now",
        "let us add them up now please",
        "let us add them up now then",
    ]
    table, [cluster] = clusters_of([text for text in texts for _ in range(2)])
    words = " ".join(table.vocabulary[word] for word in cluster.shapes[0].words)
    assert words == "let us add them up now"


def test_what_is_said_after_the_problem_is_left_out():
    _, found = clusters_of(["Add the numbers below. Then I rest a bit."] * 4, ["Please add the numbers below"] * 4)
    assert [len(cluster.shapes[0].words) for cluster in found] == [5]
    _, both = clusters_of(["Add the numbers below."] * 4, ["Please add the numbers below", "", "", ""])
    assert [cluster.texts.tolist() for cluster in both] == [[1, 2, 3]]


def test_sums_and_short_calls_are_no_sentences():
    assert clusters_of(["3 + 4 = 7. Wait! 8, then."] * 5)[1] == []


def jaccard(a, b):
    return len(a & b) / len(a | b)


def test_leaders_are_apart_and_members_near_them_on_random_sentences():
    """The slow way: compare everything. MinHash may miss a pair now and then, never join what is not alike."""
    draw = random.Random(0)
    words = [f"w{chr(97 + n)}" for n in range(12)]
    texts = [" ".join(draw.choice(words) for _ in range(draw.randint(3, 6))) for _ in range(400)]
    _, found = clusters_of(texts, least=1)
    assert sorted(text for cluster in found for text in cluster.texts.tolist()) == list(range(400))
    leaders = []
    for cluster in found:
        first = min(cluster.shapes, key=lambda shape: (-len(shape.texts), shape.words))
        leaders.append(first)
        assert all(jaccard(first.features, shape.features) >= SIMILAR for shape in cluster.shapes)
    near = sum(jaccard(a.features, b.features) >= SIMILAR for place, a in enumerate(leaders) for b in leaders[:place])
    assert near <= 2


def test_the_same_texts_give_the_same_clusters():
    draw = random.Random(1)
    texts = [" ".join(draw.choice("abcdefg") * 2 for _ in range(5)) for _ in range(100)]
    first, second = (
        [(cluster.texts.tolist(), cluster.places.tolist()) for cluster in clusters_of(texts)[1]] for _ in range(2)
    )
    assert first == second
