"""Makes archives that mean harm, and a few that only look as if they did: each with its reason.

    python3 tests/hostile/make_archives.py DIRECTORY

writes them and `manifest.json`, which says for each how it is to be refused, or what it unpacks to. Only the standard
library is used, and the archives are the same every time.
"""

import gzip
import io
import json
import lzma
import stat
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

WHEN = (2026, 1, 1, 0, 0, 0)
MIB = 1 << 20
HOSTILE, HARMLESS = {}, {}


def hostile(name, says, why, content):
    HOSTILE[name] = (content, {"says": says, "why": why})


def harmless(name, holds, why, content):
    HARMLESS[name] = (content, {"holds": holds, "why": why})


# Zip.


def entry(name, content=b"x", mode=stat.S_IFREG | 0o644, packed=False):
    info = zipfile.ZipInfo("#" * len(name) if isinstance(name, bytes) else name, WHEN)
    info.create_system = 3
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    return info, content, name


def link(name, target):
    return entry(name, target.encode(), stat.S_IFLNK | 0o777)


def zipped(*entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for info, content, _ in entries:
            archive.writestr(info, content)
    made = out.getvalue()
    for info, _, name in entries:
        if isinstance(name, bytes):  # a name that the library would mend
            made = made.replace(info.filename.encode(), name)
    return made


def patched(made, index_at, local_at, value):
    """`value` in the first file's entry of the index and in its own header."""
    made = bytearray(made)
    if index_at is not None:
        at = made.index(b"PK\x01\x02") + index_at
        made[at : at + len(value)] = value
    if local_at is not None:
        made[local_at : local_at + len(value)] = value
    return bytes(made)


def overlapping():
    """Two files, of which the first contains the second: what bombs of overlapping files are made of."""
    inner = zipped(entry("inner", b"i" * 100))
    inner_file = inner[: inner.index(b"PK\x01\x02")]
    outer = zipped(entry("outer", inner_file))
    at = outer.index(b"PK\x01\x02")
    outer_file, outer_index = outer[:at], outer[at : outer.index(b"PK\x05\x06")]
    inner_index = bytearray(inner[len(inner_file) : inner.index(b"PK\x05\x06")])
    inner_index[42:46] = struct.pack("<I", outer_file.index(b"PK\x03\x04", 4))
    index = outer_index + bytes(inner_index)
    return outer_file + index + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 2, 2, len(index), len(outer_file), 0)


def zip64_end(files, size, offset):
    return struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, files, files, size, offset)


def with_zip64_end(files):
    """An archive of one file whose longer end claims to have `files`."""
    made = zipped(entry("one"))
    start, end = made.index(b"PK\x01\x02"), made.index(b"PK\x05\x06")
    locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    short = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return made[:end] + zip64_end(files, end - start, start) + locator + short


def with_zip64_size(size):
    """An archive of one file whose sizes are in the longer form, and claim to be `size`."""
    extra = struct.pack("<HHQQ", 1, 16, size, size)
    header = struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0x5C21, 0, 0xFFFFFFFF, 0xFFFFFFFF, 3, len(extra))
    local = b"PK\x03\x04" + header + b"one" + extra + b"x"
    index = b"PK\x01\x02" + struct.pack("<H", 0x032D) + header + struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, 0)
    index += b"one" + extra
    return local + index + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(index), len(local), 0)


def make_zips():
    def named(name, says, why):
        label = "".join(c if c.isalnum() else "_" for c in str(name)).strip("_")[:24]
        hostile(f"name_{label}.zip", says, why, zipped(entry(name)))

    named("/etc/passwd", "an absolute path", "is written where it says, not where it belongs")
    named("C:/windows", "an absolute path", "is absolute on Windows")
    named(b"\\\\host\\share", "an absolute path", "is another machine on Windows")
    named("a/../../outside", "leads out of it", "climbs out by two dots")
    named(b"..\\outside", "leads out of it", "climbs out by two dots where backslashes separate")
    named(b"a\\b", "a name with a backslash", "is a directory on Windows and a file here")
    named("a:b", "a name with a colon", "is a hidden stream of the file a on Windows")
    named("a./b", "a full stop at its end", "is the directory a on Windows")
    named(b"a\x00b", "a control character", "ends at the zero byte for whoever reads it in C")
    named(b"a\x1b[2Jb", "a control character", "clears the terminal of whoever lists it")
    named(b"caf\xe9", "not UTF-8", "is no text that could be shown or compared")
    named("n" * 256, "too long", "is longer than a file system takes")
    named("d/" * 600 + "f", "too long", "is deeper than a path may be")

    hostile("link_out.zip", "link that leads out of it: up", "leads out", zipped(link("up", "../..")))
    hostile("link_absolute.zip", "link that leads out of it: etc", "leads out", zipped(link("etc", "/etc")))
    hostile("link_nowhere.zip", "leads nowhere", "has no target", zipped(link("empty", "")))
    hostile(
        "link_written_through.zip",
        "goes through a link",
        "a file is to be written wherever the link leads",
        zipped(link("door", "inside"), entry("door/key"), entry("inside/key")),
    )
    hostile(
        "link_written_through_later.zip",
        "goes through a link",
        "the same, with the link behind the file",
        zipped(entry("door/key"), link("door", "inside")),
    )
    hostile(
        "links_to_links_out.zip",
        "link that leads out of it: out",
        "each link is harmless by its text; followed through the other it leads out",
        zipped(entry("a/b/c/file"), link("a/b/c/up", "../.."), link("out", "a/b/c/up/../..")),
    )
    hostile("links_in_a_circle.zip", "goes through too many others", "never ends", zipped(link("a", "b"), link("b", "a")))
    doubling = [link(f"d/l{n}", f"l{n - 1}/../d/l{n - 1}") for n in range(1, 60)]
    doubling = zipped(link("d/l0", "."), *doubling)
    hostile("links_that_double.zip", "goes through too many others", "each takes twice as long as the one before", doubling)
    long_way = "d/../" * 180
    tangle = [link("c0", long_way)] + [link(f"c{n}", f"{long_way}c{n - 1}") for n in range(1, 38)]
    tangle += [link(f"t{n}", f"{long_way}c37") for n in range(500)]
    hostile("links_too_tangled.zip", "too tangled", "takes minutes to follow", zipped(entry("d/f"), *tangle))

    for name, kind in {"device": stat.S_IFCHR, "disk": stat.S_IFBLK, "pipe": stat.S_IFIFO, "socket": stat.S_IFSOCK}.items():
        hostile(f"special_{name}.zip", "a special file", f"is a {name}", zipped(entry("odd", mode=kind | 0o644)))

    twice = zipped(entry(b"one", b"1"), entry("two", b"2")).replace(b"two", b"one")
    hostile("twice.zip", "the same name twice", "shows one file to a reviewer and another to us", twice)
    hostile("case.zip", "differ only in case", "is one file on some systems", zipped(entry("a/B"), entry("A/b")))
    hostile("file_as_directory.zip", "also needs a directory", "cannot be both", zipped(entry("a"), entry("a/b")))
    unnamed = zipped(entry(b"./", mode=stat.S_IFREG | 0o644))
    hostile("no_name.zip", "special file", "is a pipe in the place of the root", patched(unnamed, 38, None, struct.pack("<I", stat.S_IFIFO << 16)).replace(b"./", b"x/"))

    deep = [entry("/".join([f"{n}", *["d"] * 500, "f"])) for n in range(250)]
    hostile("too_many_directories.zip", "more than 100000 files and directories", "few entries, many directories", zipped(*deep))
    wide = [entry("/".join(f"{n:05}{part}" + "n" * 240 for part in "abcd")) for n in range(9_000)]
    hostile("too_long_names.zip", "too long together", "fills the memory with names", zipped(*wide))
    hostile("bomb.zip", "more than 200 times its size", "fills the disk", zipped(entry("zeros", bytes(64 * MIB), packed=True)))
    many = [entry(f"zeros{n}", bytes(MIB), packed=True) for n in range(40)]
    hostile("bomb_of_many.zip", "more than 200 times its size", "fills the disk file by file", zipped(*many))
    hostile("overlapping.zip", "files in it overlap", "the same bytes are unpacked many times", overlapping())

    plain = zipped(entry("one", b"some text that is long enough to be packed" * 20, packed=True), entry("two"))
    hostile("encrypted.zip", "an encrypted file: one", "nobody told us the password", patched(plain, 8, 6, b"\x01\x00"))
    hostile("truncated.zip", "its end is missing", "was cut off", plain[: len(plain) - 30])
    hostile("truncated_at_the_end.zip", "does not end where it says", "lacks its last byte", plain[:-1])
    hostile("start_is_missing.zip", "neither a zip", "begins in the middle", plain[40:])
    hostile("checksum.zip", "a file in it is damaged", "is not what was packed", patched(plain, 16, 14, b"\0\0\0\0"))
    hostile("shorter_than_it_says.zip", "a file in it", "claims less than it holds", patched(plain, 24, 22, struct.pack("<I", 7)))
    hostile("longer_than_it_says.zip", "a file in it", "claims more than it holds", patched(plain, 24, 22, struct.pack("<I", 1 << 30)))
    hostile("headers_differ.zip", "header inconsistency", "is another file for whoever reads from the start", plain.replace(b"one", b"ONE", 1))
    hostile("packing.zip", "a file in it is damaged", "is packed in a way that nobody knows", patched(plain, 10, 8, struct.pack("<H", 99)))
    hostile("something_follows.zip", "something follows its end", "hides something behind the end", plain + b"hidden")
    hostile("zip_follows.zip", "something stands between its index and its end", "hides an archive behind another", plain + zipped(entry("other")))
    hostile("something_precedes.zip", "neither a zip", "hides something before the start", b"#!/bin/sh\nexit\n" + plain)
    lying = bytearray(plain)
    at = lying.index(b"PK\x05\x06")
    lying[at + 8 : at + 12] = struct.pack("<HH", 60_000, 60_000)
    hostile("more_than_there_is.zip", "it is not a complete zip archive", "claims 60,000 files", bytes(lying))
    lying[at + 4 : at + 12] = struct.pack("<HHHH", 1, 1, 2, 2)
    hostile("many_disks.zip", "it is not a complete zip archive", "claims to be on several disks", bytes(lying))
    hostile("zip64_count.zip", "it is not a complete zip archive", "claims 2^60 files", with_zip64_end(1 << 60))
    hostile("zip64_size.zip", "overlap", "claims a file of 2^62 bytes", with_zip64_size(1 << 62))
    hostile("zip64_overflow.zip", "overlap", "its sizes overflow when they are added", with_zip64_size((1 << 64) - 1))

    inside = zipped(
        entry("real/file", b"here"),
        entry("run.sh", b"#!/bin/sh", stat.S_IFREG | 0o4750),
        link("first", "second"),
        link("second", "real/../real/file"),
        link("real/up", ".."),
        link("later", "not/here/yet"),
        entry("locked/", b"", stat.S_IFDIR | 0o000),
        entry("locked/in", b"in", stat.S_IFREG | 0o000),
    )
    holds = {"real/file": "here", "first": "-> second", "second": "-> real/../real/file", "real/up": "-> ..",
             "later": "-> not/here/yet", "locked/in": "in", "run.sh": "#!/bin/sh"}
    harmless("links_inside.zip", holds, "links that stay inside, however they are chained", inside)
    harmless("suffix_lies.tar", {"one": "x"}, "a zip whose name says tar", zipped(entry("one")))


# Tar.


def member(name, content=b"x", kind=tarfile.REGTYPE, **more):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = 0o644
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def tarred(*members, form=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if info.size else None)
    return out.getvalue()


def soft(name, target):
    return member(name, b"", tarfile.SYMTYPE, linkname=target)


def hard(name, target):
    return member(name, b"", tarfile.LNKTYPE, linkname=target)


def header(name, kind, size):
    """One header, with a size that may be a lie."""
    info, _ = member(name, b"")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def blocks(content):
    return content + bytes(-len(content) % 512)


def pax(**pairs):
    """A member with a header that says these things of it."""
    return member("plain", b"content", pax_headers={key.replace("__", "."): value for key, value in pairs.items()})


def make_tars():
    end = bytes(1024)

    def form_of(name, says, why, *members):
        hostile(f"{name}.tar", says, why, tarred(*members))

    form_of("absolute", "an absolute path", "is written where it says", member("/etc/passwd"))
    form_of("dotdot", "leads out of it", "climbs out", member("a/../../outside"))
    form_of("link_out", "link that leads out of it: up", "leads out", soft("up", "../.."))
    form_of("link_then_file", "goes through a link", "writes through a link", soft("door", "/tmp"), member("door/key"))
    form_of(
        "link_then_directory",
        "also needs a directory",
        "a directory in the place of a link made others change the modes of what it leads to (CVE-2026-33056)",
        soft("door", "/etc"),
        member("door", b"", tarfile.DIRTYPE, mode=0o777),
    )
    form_of("link_twice", "the same name twice", "a file replaces a link, or is written through it", soft("a", "b"), member("a"))
    form_of("hard_link_out", "leads out of it", "is a file of somebody else", hard("shadow", "../../etc/shadow"))
    form_of("hard_link_absolute", "an absolute path", "is a file of somebody else", hard("shadow", "/etc/shadow"))
    form_of("hard_link_to_link", "a hard link to what is no file", "is a link in disguise", soft("a", "."), hard("b", "a"))
    form_of("hard_link_through_link", "a hard link to what is no file", "goes through a link", soft("a", "d"), member("d/f"), hard("b", "a/f"))
    form_of("hard_link_to_later", "a hard link to what is no file", "is to nothing yet", hard("b", "a"), member("a"))
    form_of("device", "a special file", "reads the disk", member("sda", b"", tarfile.BLKTYPE, devmajor=8, devminor=0))
    form_of("pipe", "a special file", "blocks whoever reads it for ever", member("pipe", b"", tarfile.FIFOTYPE))
    form_of("twice", "the same name twice", "shows one file and is another", member("a"), member("b"), member("./a"))
    form_of("case", "differ only in case", "is one file on some systems", member("README"), member("readme"))
    form_of("unknown_kind", "an unknown kind", "is nobody knows what", member("odd", b"", b"Q"))
    form_of("not_utf8", "not UTF-8", "is no text", member("caf\udce9"))

    plain = tarred(member("one", b"o" * 5_000), member("two", b"t" * 5_000))
    hostile("truncated.tar", "ends in the middle", "was cut off in a file", plain[:3_000])
    hostile("truncated_between.tar", "ends in the middle", "was cut off between two files", plain[: 512 + 5_120])
    hostile("something_follows.tar", "something follows its end", "hides something", plain + b"hidden")
    damaged = bytearray(plain)
    damaged[512 + 5_120] ^= 1
    hostile("checksum.tar", "checksum", "its second header is not what was written", bytes(damaged))
    form = tarfile.PAX_FORMAT
    hostile("pax_out.tar", "leads out of it", "the second name is the hostile one", tarred(pax(path="../outside"), form=form))
    hostile("pax_zero.tar", "a control character", "ends at the zero byte for some", tarred(pax(path="a\0b"), form=form))
    hostile("pax_size.tar", "contradict each other", "others see other files in it (CVE-2026-33055)", tarred(pax(size="1"), form=form))
    hostile("pax_sparse.tar", "a sparse file", "claims a terabyte", tarred(pax(GNU__sparse__realsize=str(1 << 40), GNU__sparse__major="1"), form=form))
    for_all = b"19 path=../outside\n"
    hostile("pax_for_all.tar", "contradict each other", "names all files at once", header("g", b"g", len(for_all)) + blocks(for_all) + plain)
    hostile("sparse.tar", "a sparse file", "claims a terabyte", header("big", tarfile.GNUTYPE_SPARSE, 0) + end)
    hostile("long_name.tar", "a header that is too long", "a name of two gigabytes", header("L", tarfile.GNUTYPE_LONGNAME, 2 << 30) + end)
    name = blocks(b"name\0")
    two = (header("L", tarfile.GNUTYPE_LONGNAME, 5) + name) * 2
    hostile("two_names.tar", "contradict each other", "has two names", two + plain)
    hostile("name_for_nothing.tar", "ends in the middle", "names what does not come", header("L", tarfile.GNUTYPE_LONGNAME, 5) + name + end)
    hostile("endless.tar", "the archive ends in the middle", "claims 2^62 bytes", header("big", tarfile.REGTYPE, 1 << 62) + b"x" * 600)
    hostile("directory_with_content.tar", "contradict each other", "is skipped by some", header("d", tarfile.DIRTYPE, 5) + blocks(b"12345") + end)

    gz = gzip.compress(plain, mtime=0)
    hostile("truncated.tgz", "damaged", "was cut off", gz[: len(gz) // 2])
    hostile("checksum.tgz", "damaged", "is not what was packed", gz[:-8] + bytes(4) + gz[-4:])
    hostile("something_follows.tgz", "something follows its end", "hides something", gz + b"hidden")
    hostile("archive_follows.tgz", "something follows its end", "hides an archive behind another", gz + gz)
    hostile("no_tar.tgz", "it is damaged", "is packed with gzip, and no tar", gzip.compress(b"hello " * 500, mtime=0))
    hostile("bomb.tgz", "more than 200 times its size", "fills the disk", gzip.compress(tarred(member("zeros", bytes(64 * MIB))), mtime=0))
    hostile("bomb_behind_the_end.tgz", "more than 200 times its size", "zeros without end", gzip.compress(plain + bytes(64 * MIB), mtime=0))
    headers = (header("x", b"x", 0) * 450_000) + end
    hostile("headers.tgz", "too many headers", "headers without files", gzip.compress(headers, 9, mtime=0))
    long_headers = (header("L", tarfile.GNUTYPE_LONGNAME, MIB) + b"n" * MIB) * 3
    hostile("long_names.tgz", "contradict each other", "names of a megabyte", gzip.compress(long_headers + end, mtime=0))
    hostile("packed.tar.xz", "packed with xz", "is nothing that we unpack", lzma.compress(plain))
    hostile("nothing.zip", "neither a zip nor a tar", "is empty", b"")
    hostile("page.zip", "neither a zip nor a tar", "is an error page", b"<html>404 Not Found</html>" * 30)

    members = [
        member("real/file", b"here"),
        member("run.sh", b"#!/bin/sh", mode=0o6755),
        hard("second", "real/file"),
        hard("third", "second"),
        soft("link", "./real/file"),
        soft("real/up", "../real"),
        member("locked", b"", tarfile.DIRTYPE, mode=0o000),
        member("locked/in", b"in", mode=0o000),
        member("long/" + "n" * 200, b"long"),
    ]
    holds = {"real/file": "here", "second": "here", "third": "here", "link": "-> ./real/file", "real/up": "-> ../real",
             "locked/in": "in", "run.sh": "#!/bin/sh", "long/" + "n" * 200: "long"}
    for form, label in ((tarfile.GNU_FORMAT, "gnu"), (tarfile.PAX_FORMAT, "pax")):
        made = tarred(*members, form=form)
        harmless(f"{label}.tar", holds, "links, long names, odd modes", made)
        harmless(f"{label}.tar.zip", holds, "a tar.gz whose name says zip", gzip.compress(made, mtime=0))
    harmless("root.tar", {"a": "x"}, "as tar makes it of a directory", tarred(member("./", b"", tarfile.DIRTYPE), member("./a")))


def main(directory):
    make_zips()
    make_tars()
    directory.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in (HOSTILE | HARMLESS).items():
        (directory / name).write_bytes(content)
    told = [{"file": name, **told} for name, (_, told) in HOSTILE.items()]
    fine = [{"file": name, **told} for name, (_, told) in HARMLESS.items()]
    (directory / "manifest.json").write_text(json.dumps({"hostile": told, "harmless": fine}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
