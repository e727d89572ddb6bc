using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Copying;

/// <summary>
/// A journal that nobody serves, to be copied from. It is held until disposed, so that no server starts on it, and
/// nothing in it changes.
/// </summary>
internal interface ICopySource : ICheckedJournal, IAsyncDisposable
{
    /// <summary>
    /// Fails with a <see cref="JournalUnavailableException"/> when another process has taken the journal.
    /// </summary>
    Task Lost { get; }

    /// <summary>The newest format of the journal's records.</summary>
    Task<int> ReadFormatAsync(CancellationToken cancellationToken);

    /// <summary>What tenants used.</summary>
    Task<IReadOnlyList<TenantTotal>> ReadTotalsAsync(CancellationToken cancellationToken);
}

/// <summary>
/// A journal that is copied into. It bears a mark from its first append until <see cref="EndCopyAsync"/>: no server
/// starts on it meanwhile.
/// </summary>
internal interface ICopyTarget : ICheckedJournal
{
    /// <inheritdoc cref="IJournal.AppendAsync"/>
    ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
        CancellationToken cancellationToken);

    /// <inheritdoc cref="IJournal.DeleteAsync"/>
    ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken);

    /// <summary>
    /// Ends the copy: what tenants used is replaced, and the mark goes, both in one transaction. Again it does the
    /// same.
    /// </summary>
    Task EndCopyAsync(IReadOnlyList<TenantTotal> totals, CancellationToken cancellationToken);
}

/// <summary>What a tenant used, as a journal keeps it.</summary>
/// <param name="Tenant">Whose it is.</param>
/// <param name="Sum">All that was counted, with the process and the number of the last report.</param>
internal sealed record TenantTotal(string Tenant, TenantReport Sum);

/// <summary>A copy cannot be made. Its message says why, and the way out.</summary>
internal sealed class CopyRefusedException(string message) : Exception(message);
