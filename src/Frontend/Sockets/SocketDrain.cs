using System.Collections.Concurrent;
using Evergrain.Frontend.Turns;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// Knows every open connection and ends them when the server is told to stop: idle ones at once, busy ones after
/// their running turn, all of them when the drain is over.
/// </summary>
internal sealed class SocketDrain(ServerDrain drain) : IHostedService, IDisposable
{
    private readonly ConcurrentDictionary<SocketSession, bool> _open = new();
    private CancellationTokenRegistration _begun;
    private CancellationTokenRegistration _over;

    public async Task RunAsync(SocketSession session)
    {
        _open.TryAdd(session, true);
        try
        {
            if (drain.IsDraining)
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
        _begun = drain.Begun.Register(() => EndAll(static session => session.Stop(SocketEnd.Draining)));
        _over = drain.Over.Register(() => EndAll(static session => session.StopNow(SocketEnd.Draining)));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _begun.Dispose();
        _over.Dispose();
    }

    private void EndAll(Action<SocketSession> end)
    {
        foreach (var session in _open.Keys)
        {
            end(session);
        }
    }
}
