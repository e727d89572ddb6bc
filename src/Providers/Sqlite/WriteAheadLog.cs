using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// Looks through the write-ahead log that a killed server left, before SQLite opens it. SQLite takes the first damaged
/// frame for the end of the log, and drops every commit behind it without a word.
/// </summary>
/// <remarks>
/// Each commit is synced before the next begins. So a power cut spoils the last one alone, and two commits behind a
/// damaged frame are damage. Source: SQLite's file format, section 4.
/// </remarks>
internal static class WriteAheadLog
{
    private const int HeaderBytes = 32;
    private const int FrameHeaderBytes = 24;
    private const int SaltsAt = 8, SaltBytes = 8;
    private const uint Magic = 0x377F0682;

    /// <summary>Refuses a log that has lost commits which were synced.</summary>
    /// <param name="database">The database file.</param>
    /// <exception cref="JournalUnavailableException">It has, or it cannot be read.</exception>
    public static void Check(string database)
    {
        var file = database + JournalDatabase.LogSuffix;
        if (!File.Exists(file))
        {
            return;
        }

        try
        {
            using var log = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 20);
            if (FindDamage(log) is { } at)
            {
                throw Damaged(database, file, at);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalUnavailableException(
                $"The journal's log {file} cannot be read ({e.Message}): give this user access.", e);
        }
    }

    /// <summary>Where the damage begins that hides synced commits; null: there is none.</summary>
    private static long? FindDamage(Stream log)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        Span<byte> frame = stackalloc byte[FrameHeaderBytes + JournalDatabase.PageBytes];
        if (log.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes || IsZero(header))
        {
            return null;
        }

        if (!IsWhole(header, out var sums))
        {
            return 0;
        }

        var isBig = (Word(header, 0) & 1) != 0;
        var (at, damagedAt, commits) = ((long)HeaderBytes, (long?)null, 0);
        for (; log.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false) == frame.Length; at += frame.Length)
        {
            var (isOfLog, sumsMatch) = Look(frame, header, isBig, ref sums, isBehindDamage: damagedAt is not null);
            if (isOfLog && sumsMatch && damagedAt is null)
            {
                continue;
            }

            // Of a flipped salt too: the checksum does not cover it. Frames of an older log have neither.
            damagedAt ??= at;
            commits += (isOfLog || sumsMatch) && Word(frame, 4) != 0 ? 1 : 0;
        }

        return commits > 1 ? damagedAt : null;
    }

    private static (bool IsOfLog, bool SumsMatch) Look(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> header,
        bool isBig, ref (uint First, uint Second) sums, bool isBehindDamage)
    {
        var isOfLog = frame.Slice(SaltsAt, SaltBytes).SequenceEqual(header.Slice(16, SaltBytes));
        if (isBehindDamage)
        {
            return (isOfLog, SumsMatch: false);
        }

        var now = Sum(Sum(sums, frame[..SaltsAt], isBig), frame[FrameHeaderBytes..], isBig);
        var isMatch = now == (Word(frame, 16), Word(frame, 20));
        sums = isMatch ? now : sums;
        return (isOfLog, isMatch);
    }

    private static bool IsWhole(ReadOnlySpan<byte> header, out (uint First, uint Second) sums)
    {
        sums = Sum((0, 0), header[..24], (Word(header, 0) & 1) != 0);
        return (Word(header, 0) & ~1U) == Magic && Word(header, 8) == JournalDatabase.PageBytes &&
            sums == (Word(header, 24), Word(header, 28));
    }

    private static (uint First, uint Second) Sum((uint First, uint Second) sums, ReadOnlySpan<byte> bytes, bool isBig)
    {
        var (first, second) = sums;
        var words = MemoryMarshal.Cast<byte, uint>(bytes);
        for (var i = 0; i < words.Length; i += 2)
        {
            first += Read(words[i], isBig) + second;
            second += Read(words[i + 1], isBig) + first;
        }

        return (first, second);
    }

    private static uint Read(uint word, bool isBig) =>
        BitConverter.IsLittleEndian == isBig ? BinaryPrimitives.ReverseEndianness(word) : word;

    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private static bool IsZero(ReadOnlySpan<byte> bytes) => !bytes.ContainsAnyExcept((byte)0);

    private static JournalUnavailableException Damaged(string database, string file, long at) =>
        new($"The journal's log {file} is damaged at byte {at}, and what was stored behind that is lost: restore a " +
            $"backup, or give it up with: sqlite3 {database} 'PRAGMA wal_checkpoint(TRUNCATE)'.")
        {
            Brief = "The journal is damaged.",
        };
}
