using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// Knows every open connection and ends them when the server is told to stop: idle ones at once, busy ones after
/// their running turn, all of them when <see cref="EvergrainOptions.DrainTimeout"/> is over.
/// </summary>
internal sealed class SocketDrain(IHostApplicationLifetime lifetime, TimeProvider time,
    IOptions<EvergrainOptions> options) : IHostedService, IDisposable
{
    private readonly ConcurrentDictionary<SocketSession, bool> _open = new();
    private CancellationTokenRegistration _registration;
    private ITimer? _deadline;

    /// <summary>Whether the server takes no more work.</summary>
    public bool IsDraining => lifetime.ApplicationStopping.IsCancellationRequested;

    public async Task RunAsync(SocketSession session)
    {
        _open.TryAdd(session, true);
        try
        {
            if (IsDraining)
            {
                session.Stop(SocketEnd.Draining);
            }

            await session.RunAsync();
        }
        finally
        {
            _open.TryRemove(session, out _);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _registration = lifetime.ApplicationStopping.Register(Begin);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _registration.Dispose();
        _deadline?.Dispose();
    }

    private void Begin()
    {
        foreach (var session in _open.Keys)
        {
            session.Stop(SocketEnd.Draining);
        }

        _deadline = time.CreateTimer(static drain => ((SocketDrain)drain!).End(), this, options.Value.DrainTimeout,
            Timeout.InfiniteTimeSpan);
    }

    private void End()
    {
        foreach (var session in _open.Keys)
        {
            session.StopNow(SocketEnd.Draining);
        }
    }
}
