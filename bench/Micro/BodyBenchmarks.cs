using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BenchmarkDotNet.Attributes;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Micro;

/// <summary>What copying the body of a call costs: 10,000 items of 2,000 bytes through one buffer.</summary>
public class BodyBenchmarks
{
    private const int Items = 10_000;
    private const int ItemBytes = 2_000;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _over = new();
    private RequestBody _body = null!;
    private Socket _client = null!;
    private NetworkStream _stream = null!;
    private Task _discarding = Task.CompletedTask;

    /// <summary>The buffer's size.</summary>
    [Params(16, 32, 64, 128)]
    public int BufferKiB { get; set; }

    [GlobalSetup]
    public async Task SetUp()
    {
        var items = Enumerable.Range(0, Items).Select(static _ => new RenderedItem(
            new Rendered(Encoding.UTF8.GetBytes("," + new string('x', ItemBytes - 1)), 1, null), 0, 0));
        var view = items.Chunk(128).Aggregate((SegmentView?)null,
            static (parent, segment) => new SegmentView(parent, segment, segment.Length));
        _body = new RequestBody("["u8.ToArray(), new ContextView(view, [])
        {
            ItemCount = Items, Bytes = (long)Items * ItemBytes, Tokens = Items, State = null,
        }, "]"u8.ToArray());
        _listener.Start();
        _client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await _client.ConnectAsync(_listener.LocalEndpoint);
        _stream = new NetworkStream(_client);
        _discarding = DiscardAsync(await _listener.AcceptSocketAsync());
    }

    [GlobalCleanup]
    public async Task CleanUp()
    {
        await _stream.DisposeAsync();
        _client.Dispose();
        await _discarding;
        _listener.Dispose();
        _over.Dispose();
    }

    /// <summary>The copy alone.</summary>
    [Benchmark]
    public Task ToNothing() => CopyAsync(Stream.Null);

    /// <summary>To a socket on this machine that discards it.</summary>
    [Benchmark]
    public Task ToSocket() => CopyAsync(_stream);

    private async Task CopyAsync(Stream stream)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferKiB << 10);
        using var reader = new BodyReader(_body);
        while (reader.Read(buffer.AsSpan(0, BufferKiB << 10)) is > 0 and var count)
        {
            await stream.WriteAsync(buffer.AsMemory(0, count), _over.Token);
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    private async Task DiscardAsync(Socket socket)
    {
        using var accepted = socket;
        var buffer = new byte[1 << 20];
        while (await accepted.ReceiveAsync(buffer, _over.Token) > 0)
        {
            // Discarded.
        }
    }
}
