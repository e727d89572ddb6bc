using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// What stopping means to whoever runs turns. Told to stop, the server is not ready; from <see cref="Begun"/> on it
/// takes no new work; at the <see cref="Deadline"/> conversations end what runs; at <see cref="Over"/> what is left is
/// told that it ends; at <see cref="Cut"/> connections are cut. It listens until all that it serves has ended.
/// </summary>
internal sealed class ServerDrain(IHostApplicationLifetime lifetime, TimeProvider time,
    IOptions<EvergrainOptions> options) : IHostedLifecycleService, IDisposable
{
    /// <summary>What a request is told that meets a server about to stop.</summary>
    public static readonly Refusal Restarting = new(RefusalKind.Unavailable,
        "The server restarts: try again. A stored response can be read again by its id.");

    // None is disposed: they live as long as the process, and others hold their tokens.
    private readonly CancellationTokenSource _begun = new();
    private readonly CancellationTokenSource _deadline = new();
    private readonly CancellationTokenSource _over = new();
    private readonly CancellationTokenSource _cut = new();
    private readonly List<ITimer> _timers = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenRegistration _registration;
    private int _served;

    /// <summary>Whether the server was told to stop.</summary>
    public bool IsStopping => lifetime.ApplicationStopping.IsCancellationRequested;

    /// <summary>Whether the server takes no more work.</summary>
    public bool IsDraining => Begun.IsCancellationRequested;

    /// <summary>
    /// Cancelled <see cref="EvergrainOptions.DrainDelay"/> after the server was told to stop: it takes no more work.
    /// </summary>
    public CancellationToken Begun => _begun.Token;

    /// <summary>
    /// Cancelled <see cref="EvergrainOptions.DrainTimeout"/> after the server was told to stop: what runs ends.
    /// </summary>
    public CancellationToken Deadline => _deadline.Token;

    /// <summary>
    /// Cancelled <see cref="EvergrainOptions.CloseTimeout"/> after <see cref="Deadline"/>, in which clients hear how
    /// their turns ended: what still runs is left.
    /// </summary>
    public CancellationToken Over => _over.Token;

    /// <summary>
    /// Cancelled <see cref="EvergrainOptions.CloseTimeout"/> after <see cref="Over"/>: whatever a connection waits for,
    /// such as the rest of a request, it ends.
    /// </summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Refuses what would begin now.</summary>
    /// <exception cref="ConversationException">The server takes no more work.</exception>
    public void Check()
    {
        if (IsDraining)
        {
            throw new ConversationException(Restarting);
        }
    }

    /// <summary>A request, a socket or a turn without either begins; each ends with <see cref="Leave"/>.</summary>
    public void Enter() => Interlocked.Increment(ref _served);

    /// <summary>One of them has ended.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _served) == 0 && IsDraining)
        {
            _ended.TrySetResult();
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _registration = lifetime.ApplicationStopping.Register(Begin);
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends when nothing is served any more, or at the deadline.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        // A host that is stopped by a call, not by a signal, says so to others only after this.
        lifetime.StopApplication();
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(Deadline, cancellationToken);
        await ((Task)_ended.Task.WaitAsync(stopped.Token)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _registration.Dispose();
        _timers.ForEach(static timer => timer.Dispose());
    }

    private void Begin()
    {
        var settings = options.Value;
        At(settings.DrainTimeout + (2 * settings.CloseTimeout), _cut.Cancel);
        At(settings.DrainTimeout + settings.CloseTimeout, _over.Cancel);
        At(settings.DrainTimeout, _deadline.Cancel);
        if (settings.DrainDelay > TimeSpan.Zero)
        {
            At(settings.DrainDelay, TakeNoMore);
        }
        else
        {
            TakeNoMore();
        }
    }

    private void TakeNoMore()
    {
        _begun.Cancel();
        if (Volatile.Read(ref _served) == 0)
        {
            _ended.TrySetResult();
        }
    }

    private void At(TimeSpan due, Action act) =>
        _timers.Add(time.CreateTimer(_ => act(), null, due, Timeout.InfiniteTimeSpan));
}
