using Azure;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Caching.Memory;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Appends and deletes. What it remembers of a log's end is a hint: a request that is built on it has the tail's ETag
/// as its condition, and the tail is read where that is not met.
/// </summary>
internal sealed class AzureWriter : IDisposable
{
    // Each needs another process that comes in between without an append: a roll, or a log begun and deleted.
    private const int TriesMax = 16;

    private readonly TailBlobs _tails;
    private readonly ExtentBlobs _extents;
    private readonly AzureIndex _index;
    private readonly AzureRoll _roll;
    private readonly AzureMeter _meter;
    private readonly LogNumbers _numbers;
    private readonly RandomIdSource _chance = new();
    private readonly MemoryCache _known;
    private readonly int _blocksMax;

    public AzureWriter(AzureJournalOptions options, AzureStore store)
    {
        (_tails, _extents, _index, _meter) = (store.Tails, store.Extents, store.Index, store.Meter);
        _roll = new AzureRoll(_tails, _extents, _meter);
        _blocksMax = options.TailBlocksMax;
        _numbers = new LogNumbers(options.Clock, _chance);
        _known = new MemoryCache(new MemoryCacheOptions { SizeLimit = options.KnownEndsMax });
    }

    /// <summary>Stores one append.</summary>
    /// <exception cref="PositionTakenException">The log does not end there.</exception>
    public async Task AppendAsync(ConversationKey key, JournalEnd end, JournalEntry entry,
        CancellationToken cancellationToken)
    {
        var block = new Block(BlockKind.Append, entry, _chance.Next64());
        var bytes = block.Write();
        var tail = _known.Get<LogTail>(key);
        if (tail?.End != end)
        {
            tail = (await _tails.ReadAsync(key, cancellationToken))?.Tail;
        }

        for (var tries = 0; tries < TriesMax; tries++)
        {
            tail = await PrepareAsync(key, end, tail, cancellationToken);
            if (tail is null)
            {
                continue;
            }

            if (tail.IsFull(_blocksMax))
            {
                // Behind it, another process may have appended meanwhile.
                tail = await _roll.RunAsync(key, tail, block.Nonce, cancellationToken);
                continue;
            }

            if (await _tails.AppendAsync(key, tail, bytes, cancellationToken) is { } tag)
            {
                Remember(key, tail.Behind(entry, bytes.Length, tag));
                return;
            }

            var found = await _tails.ReadAsync(key, cancellationToken);
            if (await IsStoredAsync(key, tail, block, found, cancellationToken))
            {
                _meter.Resolved();
                Remember(key, found!.Tail);
                return;
            }

            tail = found?.Tail;
        }

        throw new JournalUnavailableException($"The append to {key.Id} is not stored: other processes came in " +
            $"between {TriesMax} times.");
    }

    /// <summary>Removes a log.</summary>
    /// <exception cref="PositionTakenException">The log does not end there.</exception>
    public async Task DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < TriesMax; tries++)
        {
            var found = (await _tails.ReadAsync(key, cancellationToken))?.Tail;
            if (found is null || found.End == JournalEnd.None)
            {
                return;
            }

            if (found.End != end)
            {
                throw new PositionTakenException(key, end);
            }

            if (await _tails.DeleteAsync(key, found, cancellationToken))
            {
                _known.Remove(key);
                await ForgetAsync(key, found.Manifest.Number, found, cancellationToken);
                return;
            }
        }

        throw new JournalUnavailableException($"{key.Id} is not deleted: other processes came in between {TriesMax} " +
            "times.");
    }

    /// <inheritdoc/>
    public void Dispose() => _known.Dispose();

    /// <summary>
    /// The tail to append to, made and listed first where the log begins; null: another process came in between.
    /// </summary>
    private async Task<LogTail?> PrepareAsync(
        ConversationKey key, JournalEnd end, LogTail? tail, CancellationToken cancellationToken)
    {
        if (tail is null && end == JournalEnd.None)
        {
            var manifest = new LogManifest(_numbers.Next(), 0, JournalEnd.None);
            tail = await _tails.CreateAsync(key, manifest, cancellationToken) ??
                (await _tails.ReadAsync(key, cancellationToken))?.Tail;
            if (tail is null)
            {
                return null;
            }
        }

        if (tail?.End != end)
        {
            throw new PositionTakenException(key, end);
        }

        if (end == JournalEnd.None)
        {
            // Before the first block, so that no log is without its rows; again, if another process made the tail.
            await _index.AddAsync(key, tail.Manifest.Number, cancellationToken);
        }

        return tail;
    }

    /// <summary>Whether a block that Azure refused is stored, since an earlier try of it was.</summary>
    private async Task<bool> IsStoredAsync(ConversationKey key, LogTail tail, Block block, ReadTail? found,
        CancellationToken cancellationToken)
    {
        if (found?.Tail.Manifest.Number != tail.Manifest.Number)
        {
            return false;
        }

        return found.Tail.Manifest == tail.Manifest
            ? found.Holds(block)
            : await _extents.ReadAsync(key, tail.Manifest.Number, tail.Manifest.Ordinal, cancellationToken) is
                { } extent && extent.Blocks.Exists(one => one.IsSame(block));
    }

    private async Task ForgetAsync(
        ConversationKey key, long number, LogTail tail, CancellationToken cancellationToken)
    {
        // A tail that was never full has no extents.
        if (tail.Manifest.Ordinal > 0 || tail.IsFull(_blocksMax))
        {
            await _extents.DeleteAllAsync(key, number, cancellationToken);
        }

        await _index.RemoveAsync(key.Tenant, number, cancellationToken);
    }

    private void Remember(ConversationKey key, LogTail tail) =>
        _known.Set(key, tail, new MemoryCacheEntryOptions { Size = 1 });
}
