using System.Net;
using System.Net.Sockets;
using System.Text;
using Evergrain.Suites.Hosts;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>How a server ends a connection that it said it keeps.</summary>
public enum Ending
{
    /// <summary>It closes right behind the answer, as llama.cpp does.</summary>
    Close,

    /// <summary>It resets right behind the answer.</summary>
    Reset,

    /// <summary>It closes a millisecond later.</summary>
    CloseLater,

    /// <summary>It reads the next request whole, and closes without a word.</summary>
    CloseAtNextRequest,

    /// <summary>It reads the next request whole, and resets.</summary>
    ResetAtNextRequest,

    /// <summary>It answers the next request with half a status line.</summary>
    CutNextAnswer,
}

/// <summary>A model server that says <c>keep-alive</c> and lies: it answers one request of a connection.</summary>
internal sealed class ClosingServer : IAsyncDisposable
{
    private static readonly byte[] Answer = Encoding.ASCII.GetBytes(
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Type: text/event-stream\r\n" +
        "Transfer-Encoding: chunked\r\n\r\n1a\r\ndata: a\n\ndata: end\n\n: bye\n\r\n0\r\n\r\n");

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _together = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Ending _ending;
    private readonly Task _accepting;
    private int _requests;
    private int _connections;

    public ClosingServer(Ending ending)
    {
        _ending = ending;
        _listener.Start(512);
        _accepting = AcceptAsync();
    }

    public string Url => $"http://{_listener.LocalEndpoint}/v1";

    public int Requests => Volatile.Read(ref _requests);

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>How many requests it waits for before it answers, so that each has a connection of its own.</summary>
    public int TogetherMin { get; init; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await Assert.ThrowsAnyAsync<Exception>(() => _accepting).WaitAsync(Waits.Patience);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var running = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync(_stop.Token);
                running.RemoveAll(static one => one.IsCompleted);
                running.Add(ServeAsync(socket));
            }
        }
        finally
        {
            await Task.WhenAll(running);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        Interlocked.Increment(ref _connections);
        using var owned = socket;
        socket.NoDelay = true;
        try
        {
            await ReceiveAsync(socket);
            if (Requests >= TogetherMin)
            {
                _together.TrySetResult();
            }

            await _together.Task.WaitAsync(_stop.Token);
            await socket.SendAsync(Answer, _stop.Token);
            await EndAsync(socket);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The client left, or the test is over.
        }
    }

    private async Task EndAsync(Socket socket)
    {
        if (_ending == Ending.CloseLater)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, _stop.Token);
        }
        else if (_ending is not (Ending.Close or Ending.Reset))
        {
            await ReceiveAsync(socket);
            if (_ending == Ending.CutNextAnswer)
            {
                await socket.SendAsync("HTTP/1.1 2"u8.ToArray(), _stop.Token);
            }
        }

        if (_ending is Ending.Reset or Ending.ResetAtNextRequest)
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
    }

    private async Task ReceiveAsync(Socket socket)
    {
        var buffer = new byte[16 << 10];
        var (count, end) = (0, -1);
        while (end < 0 || count < end)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(count), _stop.Token);
            if (read == 0)
            {
                throw new OperationCanceledException("The client closed.");
            }

            count += read;
            end = EndOf(buffer.AsSpan(0, count));
        }

        Interlocked.Increment(ref _requests);
    }

    private static int EndOf(ReadOnlySpan<byte> request)
    {
        var head = request.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return -1;
        }

        var text = Encoding.ASCII.GetString(request[..head]);
        var begin = text.IndexOf("Content-Length: ", StringComparison.Ordinal) + "Content-Length: ".Length;
        var end = text.IndexOf('\r', begin);
        return head + 4 + int.Parse(end < 0 ? text[begin..] : text[begin..end],
            System.Globalization.CultureInfo.InvariantCulture);
    }
}
