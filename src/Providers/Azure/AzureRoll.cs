using Azure;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// Seals a full tail: an empty extent is made, a rolling block appended, the extent filled, the tail replaced. A
/// process that dies or is paused at any step leaves it to the next one that comes, in any process.
/// </summary>
internal sealed class AzureRoll(TailBlobs tails, ExtentBlobs extents, AzureMeter meter)
{
    // More than these only if other processes come in between each time.
    private const int TriesMax = 16;

    /// <summary>
    /// Seals the tail, unless another process has; gives the tail then, or null where the log is gone.
    /// </summary>
    /// <exception cref="JournalUnavailableException">Azure failed, or others came in between each time.</exception>
    public async Task<LogTail?> RunAsync(ConversationKey key, LogTail tail, ulong nonce,
        CancellationToken cancellationToken)
    {
        for (var tries = 0; tries < TriesMax; tries++)
        {
            var reserved = await extents.ReserveAsync(key, tail.Manifest, cancellationToken);
            if (!tail.IsRolling)
            {
                var rolling = new Block(BlockKind.Rolling, new JournalEntry(tail.End.Position, 0, default), nonce);
                await tails.AppendAsync(key, tail, rolling.Write(), cancellationToken);
            }

            // The content, and whether it is to be sealed: whoever appended the rolling block.
            var found = await tails.ReadAsync(key, cancellationToken);
            if (found?.Tail.Manifest.Number != tail.Manifest.Number)
            {
                await ReleaseAsync(key, tail, reserved, cancellationToken);
                return found?.Tail;
            }

            if (found.Tail.Manifest != tail.Manifest)
            {
                return found.Tail;
            }

            if (found.Tail.IsRolling && await extents.FillAsync(key, found, reserved, cancellationToken) &&
                await tails.ReplaceAsync(key, found.Tail, cancellationToken) is { } next)
            {
                meter.Rolled();
                return next;
            }

            tail = found.Tail;
        }

        throw new JournalUnavailableException($"The log of {key.Id} cannot be sealed: other processes seal it again " +
            "and again. Stop those that are not of this deployment.");
    }

    // Nobody else takes it away: the log's deletion looked before it was made.
    private Task ReleaseAsync(
        ConversationKey key, LogTail tail, ETag? reserved, CancellationToken cancellationToken) =>
        reserved is { } tag ? extents.ReleaseAsync(key, tail.Manifest, tag, cancellationToken) : Task.CompletedTask;
}
