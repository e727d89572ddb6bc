using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Evergrain.Load.Report;

namespace Evergrain.Load.Questions;

/// <summary>
/// Asks /health/ready every 50 ms, on a thread and a connection of its own: the thread pool of a busy client must not
/// be taken for a slow server.
/// </summary>
internal sealed class HealthPoll
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);
    private readonly ManualResetEventSlim _stop = new();
    private readonly Task<Samples> _polling;

    public HealthPoll(int port) => _polling = Task.Factory.StartNew(
        () => Poll(port), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Ends the polling; gives milliseconds from each question to its answer.</summary>
    public async Task<Samples> StopAsync()
    {
        _stop.Set();
        var samples = await _polling;
        _stop.Dispose();
        return samples;
    }

    private Samples Poll(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, port);
        var question = Encoding.ASCII.GetBytes($"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        var buffer = new byte[4096];
        var samples = new Samples();
        do
        {
            var begun = Stopwatch.GetTimestamp();
            socket.Send(question);
            var length = 0;
            do
            {
                var count = socket.Receive(buffer.AsSpan(length));
                length += count > 0 ? count : throw new IOException("The server cut the connection.");
            }
            while (!buffer.AsSpan(0, length).EndsWith("}"u8));

            if (!buffer.AsSpan().StartsWith("HTTP/1.1 200"u8))
            {
                throw new IOException("The server is not ready: " + Encoding.UTF8.GetString(buffer, 0, length));
            }

            samples.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
        while (!_stop.Wait(Interval, CancellationToken.None));
        return samples;
    }
}
