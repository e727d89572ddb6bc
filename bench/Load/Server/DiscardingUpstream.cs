using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Evergrain.Load.Server;

/// <summary>
/// A chat-completions server that reads a request's body without looking at it and answers at once, always the same.
/// One thread a connection, on 127.0.0.1; it notes how long each call took it.
/// </summary>
/// <param name="deltas">How many pieces the answer has.</param>
internal class DiscardingUpstream(int deltas) : IDisposable
{
    private const int ConnectionsMax = 128;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _connections = [];
    private readonly byte[] _answer = MakeAnswer(deltas);
    private long _elapsed;

    /// <summary>The base URL to give to a server.</summary>
    public string Url => $"http://127.0.0.1:{Port}/v1";

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>
    /// How long the last call took: from its request's first byte in to its answer's last byte out.
    /// </summary>
    public TimeSpan LastCall => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _elapsed));

    /// <summary>Begins to listen.</summary>
    public void Start()
    {
        _listener.Start();
        Run(Accept);
    }

    public void Dispose()
    {
        Dispose(isDisposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Stops listening and cuts all connections.</summary>
    protected virtual void Dispose(bool isDisposing)
    {
        _listener.Stop();
        lock (_connections)
        {
            _connections.ForEach(static connection => connection.Dispose());
        }
    }

    /// <summary>The text of each piece.</summary>
    protected static ReadOnlySpan<byte> DeltaText => "some twenty bytes. "u8;

    /// <summary>The answer to a request, of which only the head is looked at.</summary>
    protected virtual ReadOnlySpan<byte> AnswerTo(string head) =>
        head.StartsWith("POST", StringComparison.Ordinal) ? _answer : Models;

    /// <summary>An answer's bytes.</summary>
    protected static byte[] Answer(string type, string body) => Encoding.UTF8.GetBytes(
        $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

    /// <summary>Sends an answer, whole.</summary>
    protected virtual void Send(Socket connection, ReadOnlySpan<byte> answer)
    {
        while (answer.Length > 0)
        {
            answer = answer[connection.Send(answer)..];
        }
    }

    private static void Run(Action work) => new Thread(() =>
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end: the listener was stopped, or the peer left.
        }
    })
    { IsBackground = true }.Start();

    private void Accept()
    {
        for (var i = 0; i < ConnectionsMax; i++)
        {
            var connection = _listener.AcceptSocket();
            connection.NoDelay = true;
            lock (_connections)
            {
                _connections.Add(connection);
            }

            Run(() => Serve(connection));
        }
    }

    private void Serve(Socket connection)
    {
        var buffer = new byte[256 << 10];
        var count = 0;
        while (true)
        {
            var received = connection.Receive(buffer.AsSpan(count));
            if (received == 0)
            {
                return;
            }

            var begun = Stopwatch.GetTimestamp();
            count += received;
            int end;
            while ((end = buffer.AsSpan(0, count).IndexOf("\r\n\r\n"u8)) < 0)
            {
                count += Some(connection.Receive(buffer.AsSpan(count)));
            }

            var head = Encoding.ASCII.GetString(buffer, 0, end);
            for (var left = ContentLength(head) - (count - end - 4); left > 0;)
            {
                left -= Some(connection.Receive(buffer.AsSpan(0, (int)Math.Min(left, buffer.Length))));
            }

            count = 0;
            Send(connection, AnswerTo(head));
            Interlocked.Exchange(ref _elapsed, Stopwatch.GetTimestamp() - begun);
        }
    }

    private static int Some(int received) => received > 0 ? received : throw new SocketException();

    private static long ContentLength(string head)
    {
        const string name = "Content-Length: ";
        var at = head.IndexOf(name, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? 0 : long.Parse(head[(at + name.Length)..].Split('\r')[0], CultureInfo.InvariantCulture);
    }

    private static readonly byte[] Models = Answer("application/json", """{"object":"list","data":[{"id":"demo"}]}""");

    private static byte[] MakeAnswer(int deltas)
    {
        var events = new StringBuilder();
        Chunk("""{"role":"assistant","content":""}""", "null");
        for (var i = 0; i < deltas; i++)
        {
            Chunk($$"""{"content":"{{Encoding.ASCII.GetString(DeltaText)}}"}""", "null");
        }

        Chunk("{}", "\"stop\"");
        events.Append("""data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"demo","choices":[],""")
            .Append("""
                "usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}
                """).Append("\n\ndata: [DONE]\n\n");
        return Answer("text/event-stream", events.ToString());

        void Chunk(string delta, string finish) => events.Append(
            """data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"demo","choices":[{"index":0,""")
            .Append(CultureInfo.InvariantCulture, $"\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n");
    }
}
