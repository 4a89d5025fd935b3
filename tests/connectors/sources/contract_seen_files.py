"""What every memory of the folder source must do. An implementation's test module inherits the class and gives a
fixture ``seen`` that returns a fresh one."""

from datetime import UTC, datetime, timedelta

from connectors.sources.seen_files import FileIdentity, FileKey, Outcome, SeenFiles

AT = datetime(2026, 11, 19, 16, 35, tzinfo=UTC)
DIGEST = "a" * 64
FILE = FileIdentity("/xuat/phiếu.xml", 1234, 1_790_000_000_123_456_789, DIGEST)


class SeenFilesContract:
    async def test_nothing_is_judged_at_first(self, seen: SeenFiles) -> None:
        assert await seen.judged([FILE.key]) == frozenset()
        assert not await seen.is_taken(DIGEST)

    async def test_recorded_file_is_judged_whatever_the_outcome(self, seen: SeenFiles) -> None:
        for number, outcome in enumerate(Outcome):
            identity = FileIdentity(f"/xuat/{number}.xml", number, number, f"{number:064d}")
            await seen.record(identity, outcome, AT)
            assert await seen.judged([identity.key]) == {identity.key}

    async def test_judged_means_path_and_size_and_date(self, seen: SeenFiles) -> None:
        await seen.record(FILE, Outcome.REFUSED, AT)
        others = [
            FileKey("/xuat/khác.xml", FILE.size, FILE.mtime_ns),
            FileKey(FILE.path, FILE.size + 1, FILE.mtime_ns),
            FileKey(FILE.path, FILE.size, FILE.mtime_ns + 1),
        ]

        assert await seen.judged([*others, FILE.key]) == {FILE.key}

    async def test_many_keys_at_once(self, seen: SeenFiles) -> None:
        keys = [FileKey(f"/xuat/{number}.xml", 1, number) for number in range(2_500)]
        for key in keys[::500]:
            await seen.record(FileIdentity(*key, DIGEST), Outcome.NO_TRANSFER, AT)

        assert await seen.judged(keys) == set(keys[::500])
        assert await seen.judged([]) == frozenset()

    async def test_only_taken_content_counts_as_taken(self, seen: SeenFiles) -> None:
        for number, outcome in enumerate(Outcome):
            await seen.record(FileIdentity("/xuat/a.xml", 1, number, f"{number:064d}"), outcome, AT)

        found = [outcome for number, outcome in enumerate(Outcome) if await seen.is_taken(f"{number:064d}")]
        assert found == [Outcome.TAKEN]

    async def test_taken_content_stays_taken(self, seen: SeenFiles) -> None:
        """A repeat under the same name, or its later refusal elsewhere, does not make it new."""
        await seen.record(FILE, Outcome.TAKEN, AT)
        copy = FileIdentity("/xuat/bản sao.xml", FILE.size, FILE.mtime_ns, DIGEST)
        await seen.record(copy, Outcome.REPEATED, AT + timedelta(days=400))

        assert await seen.is_taken(DIGEST)
        assert await seen.judged([FILE.key, copy.key]) == {FILE.key, copy.key}

    async def test_taken_content_stays_taken_under_its_own_name_too(self, seen: SeenFiles) -> None:
        """The HIS writes the same export again: only the date differs."""
        await seen.record(FILE, Outcome.TAKEN, AT)
        again = FileIdentity(FILE.path, FILE.size, FILE.mtime_ns + 1_000, DIGEST)
        await seen.record(again, Outcome.REPEATED, AT + timedelta(minutes=1))

        assert await seen.is_taken(DIGEST)
        assert await seen.judged([FILE.key, again.key]) == {FILE.key, again.key}

    async def test_recording_twice_changes_nothing(self, seen: SeenFiles) -> None:
        await seen.record(FILE, Outcome.REFUSED, AT)
        await seen.record(FILE, Outcome.TAKEN, AT)

        assert await seen.judged([FILE.key]) == {FILE.key}
        assert await seen.is_taken(DIGEST)

    async def test_same_content_with_a_new_date_is_a_new_key(self, seen: SeenFiles) -> None:
        await seen.record(FILE, Outcome.REFUSED, AT)
        later = FileIdentity(FILE.path, FILE.size, FILE.mtime_ns + 1, DIGEST)
        assert await seen.judged([later.key]) == frozenset()
        await seen.record(later, Outcome.REFUSED, AT)

        assert later.key in await seen.judged([later.key])

    async def test_unread_files_are_no_content(self, seen: SeenFiles) -> None:
        unread = FileIdentity("/xuat/cũ.xml", 1, 1, "")
        await seen.record(unread, Outcome.LEFT_OUT, AT)

        assert await seen.judged([unread.key]) == {unread.key}
        assert not await seen.is_taken("")

    async def test_start_of_a_folder_is_fixed_once(self, seen: SeenFiles) -> None:
        assert await seen.begin("/xuat", AT) == (AT, False)
        assert await seen.begin("/xuat", AT + timedelta(days=3)) == (AT, False)
        assert await seen.begin("/khác", AT + timedelta(days=1)) == (AT + timedelta(days=1), False)

    async def test_first_pass_ends_once_for_its_folder(self, seen: SeenFiles) -> None:
        await seen.begin("/xuat", AT)
        await seen.begin("/khác", AT)
        await seen.end_first_pass("/xuat")

        assert await seen.begin("/xuat", AT + timedelta(days=3)) == (AT, True)
        assert await seen.begin("/khác", AT + timedelta(days=3)) == (AT, False)
