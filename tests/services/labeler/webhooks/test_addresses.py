"""Which URLs and addresses webhooks may go to."""

from __future__ import annotations

import pytest

from services.labeler.webhooks.addresses import check_address, check_url
from somersault.errors import InvalidInputError


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "::1"),  # loopback
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "fc00::1", "fd12::1"),  # private
        *("169.254.169.254", "fe80::1", "fe80::1%lo", "fec0::1"),  # link-local, where clouds keep credentials
        *("100.64.0.1", "100.127.255.255"),  # shared by a provider's customers
        *("224.0.0.1", "239.1.1.1", "ff02::1", "ff0e::1"),  # multicast
        *("240.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1", "192.88.99.1"),  # reserved
        *("0.0.0.0", "0.1.2.3", "::"),  # noqa: S104 - unspecified
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"),  # documentation
        # IPv6 that stands for IPv4: mapped, compatible, translated, 6to4, Teredo
        *(
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::7f00:1",
        ),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    """With the field, the address and what would do."""
    with pytest.raises(InvalidInputError, match=r"address of x is .* must be a public address"):
        check_address("address of x", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"])
def test_a_public_address_is_allowed(address: str) -> None:
    """Those just outside of a private range too."""
    check_address("address of x", address)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "length of url is 0, must be 1 to 2000 characters"),
        ("https://a.example/" + "x" * 2000, "length of url is 2018"),
        ("http://a.example/", "url is 'http://a.example/', must be one that begins with https://"),
        ("ftp://a.example/", "begins with https://"),
        ("a.example/hook", "begins with https://"),
        ("https://me:secret@a.example/", "url holds credentials"),
        ("https://me@a.example/", "url holds credentials"),
        ("https:///hook", "names a host"),
        ("https://[fe80::1%25eth0]/", "names a host"),
        ("https://a.example:0/", "port of url is 0, must be 1 to 65535"),
        ("https://a.example:65536/", "a URL .*Port out of range"),
        ("https://[::1/", "a URL .*Invalid IPv6"),
        ("https://a.example/#part", "without a fragment"),
        ("https://a.example/a b", "ASCII without spaces"),
        ("https://a.example/\r\nx: y", "ASCII without spaces"),
        ("https://dömäin.example/", "write a name as xn--"),
        ("https://127.0.0.1/", "url is '127.0.0.1', must be a public address"),
        ("https://127.1/", "url is '127.0.0.1'"),
        ("https://0x7f000001/", "url is '127.0.0.1'"),
        ("https://2130706433/", "url is '127.0.0.1'"),
        ("https://[::1]:8443/", "url is '::1'"),
        ("https://[::ffff:10.0.0.1]/", "url is '::ffff:10.0.0.1'"),
        ("https://169.254.169.254/latest", "url is '169.254.169.254'"),
    ],
)
def test_an_unfit_url_is_refused(url: str, told: str) -> None:
    """With what is wrong; a password is not repeated."""
    with pytest.raises(InvalidInputError, match=told) as caught:
        check_url(url, allows_private=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://a.example", "https://a.example:8443/hook?run=1", "https://8.8.8.8/"]
)
def test_a_fit_url_is_given_back(url: str) -> None:
    """As it was."""
    assert check_url(url, allows_private=False) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost/", "https://[::1]/"])
def test_with_the_setting_any_host_may_be_named(url: str) -> None:
    """By plain http too; credentials stay refused."""
    assert check_url(url, allows_private=True) == url
    with pytest.raises(InvalidInputError, match="credentials"):
        check_url(url.replace("://", "://me:secret@"), allows_private=True)
