using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Evergrain.Tests.Services;

/// <summary>A way to a server that breaks on demand: before a request arrives, or before its answer does.</summary>
public sealed class CuttingProxy : IAsyncDisposable
{
    private const int BufferBytes = 64 << 10;

    private readonly int _serverPort;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _pairs = [];
    private readonly ConcurrentDictionary<TcpClient, bool> _clients = [];
    private readonly Task _accepting;
    private long _bytesPassed;
    private Cut _armed;
    private TaskCompletionSource _cut = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Begins.</summary>
    /// <param name="serverPort">The server's port, on this machine.</param>
    /// <param name="address">Where it listens; null: on loopback.</param>
    public CuttingProxy(int serverPort, IPAddress? address = null)
    {
        _serverPort = serverPort;
        _listener = new TcpListener(address ?? IPAddress.Loopback, 0);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    private enum Cut
    {
        Nothing,
        Request,
        Answer,
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Bytes that went through, both ways.</summary>
    public long BytesPassed => Interlocked.Read(ref _bytesPassed);

    /// <summary>Whether new connections end at once.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Whether the server's side of a connection stays open when the client's side has ended.</summary>
    public bool HidesEnds { get; set; }

    /// <summary>Ends every connection, and new ones as long as it stays closed.</summary>
    public void Sever()
    {
        IsClosed = true;
        foreach (var client in _clients.Keys)
        {
            client.Close();
        }
    }

    /// <summary>The next request reaches nobody; its connection ends. The task ends when it has.</summary>
    public Task CutRequest() => Arm(Cut.Request);

    /// <summary>The next request reaches the server, its answer reaches nobody. The task ends when it is cut.</summary>
    public Task CutAnswer() => Arm(Cut.Answer);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_pairs.Keys);
        _stop.Dispose();
    }

    private Task Arm(Cut cut)
    {
        _cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _armed, cut);
        return _cut.Task;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                var pair = RelayAsync(client);
                _pairs[pair] = true;
                _ = pair.ContinueWith(ended => _pairs.TryRemove(ended, out var _), CancellationToken.None,
                    TaskContinuationOptions.None, TaskScheduler.Default);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using var both = client;
        _clients[client] = true;
        try
        {
            if (IsClosed)
            {
                return;
            }

            await server.ConnectAsync(IPAddress.Loopback, _serverPort, _stop.Token);
            client.NoDelay = server.NoDelay = true;
            var (to, from) = (server.GetStream(), client.GetStream());
            await Task.WhenAny(RelayAsync(from, to, Cut.Request), RelayAsync(to, from, Cut.Answer));
            if (HidesEnds)
            {
                client.Close();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException
            or ObjectDisposedException or InvalidOperationException)
        {
            // The connection ends, which is what its ends see.
        }
        finally
        {
            _clients.TryRemove(client, out var _);
        }
    }

    /// <summary>Passes bytes on until one side ends, or the armed cut is met.</summary>
    private async Task RelayAsync(NetworkStream from, NetworkStream to, Cut mine)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (await from.ReadAsync(buffer, _stop.Token) is var count and > 0)
            {
                if (Interlocked.CompareExchange(ref _armed, Cut.Nothing, mine) == mine)
                {
                    _cut.TrySetResult();
                    return;
                }

                Interlocked.Add(ref _bytesPassed, count);
                await to.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The other direction ended the connection.
        }
    }
}
