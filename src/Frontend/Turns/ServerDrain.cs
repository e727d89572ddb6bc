using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// What stopping means to whoever runs turns: from <see cref="Begun"/> on none is taken, and at <see cref="Over"/>,
/// <see cref="EvergrainOptions.DrainTimeout"/> later, those that still run are left.
/// </summary>
internal sealed class ServerDrain(IHostApplicationLifetime lifetime, TimeProvider time,
    IOptions<EvergrainOptions> options) : IHostedService, IDisposable
{
    /// <summary>What a request is told that meets a server about to stop.</summary>
    public static readonly Refusal Restarting = new(RefusalKind.Unavailable,
        "The server restarts: try again. A stored response can be read again by its id.");

    private readonly CancellationTokenSource _over = new();
    private CancellationTokenRegistration _registration;
    private ITimer? _deadline;

    /// <summary>Whether the server takes no more work.</summary>
    public bool IsDraining => Begun.IsCancellationRequested;

    /// <summary>Cancelled when the server is told to stop.</summary>
    public CancellationToken Begun => lifetime.ApplicationStopping;

    /// <summary>Cancelled when the time of running turns is over.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>Refuses what would begin now.</summary>
    /// <exception cref="ConversationException">The server takes no more work.</exception>
    public void Check()
    {
        if (IsDraining)
        {
            throw new ConversationException(Restarting);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _registration = Begun.Register(() => _deadline = time.CreateTimer(
            static over => ((CancellationTokenSource)over!).Cancel(), _over, options.Value.DrainTimeout,
            Timeout.InfiniteTimeSpan));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _registration.Dispose();
        _deadline?.Dispose();
    }
}
