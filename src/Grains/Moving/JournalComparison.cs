using Evergrain.Conversations.Hosts;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Grains.Moving;

/// <summary>Compares what is warm in this silo with the journal, whenever the journal was away and is back.</summary>
internal sealed class JournalComparison(WarmConversations warm, JournalReturns returns) : BackgroundService
{
    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        returns.WatchAsync(() => warm.All, static conversation => conversation.CompareAsync(), stoppingToken);
}
