using Evergrain.Conversations.Ids;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Keeps the unstored turns of one connection, or of one HTTP request, alive: renews the lease on the newest
/// conversations that hold some, lets older ones go, and all of them at its end.
/// </summary>
internal sealed class UnstoredLeases(TurnServices services, LeaseId id, string tenant, CancellationToken closing)
{
    private readonly Lock _gate = new();

    // Newest last. A handful: looking through it costs less than an index.
    private readonly List<ConversationId> _held = [];
    private Task _renewing = Task.CompletedTask;

    public LeaseId Id { get; } = id;

    /// <summary>Whose turns they are.</summary>
    public string Tenant { get; } = tenant;

    /// <summary>Notes that a conversation is about to hold, or holds, an unstored turn of this lease.</summary>
    public async ValueTask AddAsync(ConversationId conversation)
    {
        ConversationId? oldest = null;
        lock (_gate)
        {
            _held.Remove(conversation);
            _held.Add(conversation);
            if (_held.Count > services.Options.LeasesMax)
            {
                oldest = _held[0];
                _held.RemoveAt(0);
            }
            else if (_held.Count == 1 && _renewing.IsCompleted)
            {
                _renewing = RenewAsync();
            }
        }

        if (oldest is { } gone)
        {
            await ReleaseAsync(gone, closing);
        }
    }

    /// <summary>A conversation holds no turn of this lease: none began there.</summary>
    public void Remove(ConversationId conversation)
    {
        lock (_gate)
        {
            _held.Remove(conversation);
        }
    }

    /// <summary>
    /// Ends every lease; the token has been cancelled and nothing is added any more. What cannot be told now ends by
    /// itself when it is not renewed.
    /// </summary>
    public async Task ReleaseAllAsync()
    {
        var held = Held();
        if (held.Length == 0)
        {
            return;
        }

        await _renewing;
        using var deadline = new CancellationTokenSource(services.Options.CloseTimeout, services.Time);
        foreach (var conversation in held)
        {
            await ReleaseAsync(conversation, deadline.Token);
        }
    }

    private async Task RenewAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(services.Options.LeaseInterval, services.Time);
            while (await timer.WaitForNextTickAsync(closing))
            {
                foreach (var conversation in Held())
                {
                    await HoldAsync(conversation);
                }
            }
        }
        catch (OperationCanceledException) when (closing.IsCancellationRequested)
        {
        }
    }

    private async ValueTask HoldAsync(ConversationId conversation)
    {
        try
        {
            await services.Conversations.HoldAsync(new ConversationKey(Tenant, conversation), Id, closing);
        }
        catch (Exception e) when (!closing.IsCancellationRequested)
        {
            services.Instruments.Faults.LeaseFailed(e, conversation);
        }
    }

    private async ValueTask ReleaseAsync(ConversationId conversation, CancellationToken cancellationToken)
    {
        try
        {
            await services.Conversations.ReleaseAsync(new ConversationKey(Tenant, conversation), Id, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The lease ends by itself.
        }
        catch (Exception e)
        {
            services.Instruments.Faults.LeaseFailed(e, conversation);
        }
    }

    private ConversationId[] Held()
    {
        lock (_gate)
        {
            return [.. _held];
        }
    }
}
