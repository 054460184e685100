from __future__ import annotations

import pytest

from pileus.values.page_tokens import cut_page, page_token, parse_page_token, parse_position


def test_a_token_gives_its_place_back():
    assert parse_page_token(page_token("a/ü")) == "a/ü"
    assert parse_position(page_token(12)) == 12
    assert parse_page_token(None) == "" and parse_position(None) == 0


@pytest.mark.parametrize("token", ["*", "gA==", page_token(-1), page_token("²"), page_token("a")])
def test_a_wrong_position_is_refused(token: str):
    with pytest.raises(ValueError):
        parse_position(token)


def test_pages_follow_one_another_to_the_end():
    items, token, pages = list(range(7)), None, []
    while True:
        page, token = cut_page(items, token, 3)
        pages.append(page)
        if token is None:
            break
    assert pages == [[0, 1, 2], [3, 4, 5], [6]]
    assert cut_page(items, page_token(7), 3) == ([], None)
