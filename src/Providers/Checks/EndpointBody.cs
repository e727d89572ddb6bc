using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Checks;

/// <summary>
/// What an endpoint is sent: <c>{"tenant":…,"model":…,"instructions":…,"items":[…]}</c>, the instructions and items
/// written from the create's own bytes; without <c>instructions</c> where the create had none.
/// </summary>
internal sealed class EndpointBody : HttpContent
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private static readonly byte[] Comma = ","u8.ToArray();
    private readonly List<ReadOnlyMemory<byte>> _pieces = [];
    private Task _writing = Task.CompletedTask;

    public EndpointBody(NewInput input)
    {
        Headers.ContentType = Json;
        _pieces.Add(Concat("{\"tenant\":"u8, Quote(input.Tenant), ",\"model\":"u8, Quote(input.Model)));
        if (!input.Instructions.IsEmpty)
        {
            _pieces.Add(",\"instructions\":"u8.ToArray());
            _pieces.Add(input.Instructions);
        }

        _pieces.Add(",\"items\":["u8.ToArray());
        for (var i = 0; i < input.Items.Count; i++)
        {
            _pieces.Add(i == 0 ? default : Comma);
            _pieces.Add(input.Items[i]);
        }

        _pieces.Add("]}"u8.ToArray());
    }

    /// <summary>Ends, without an exception, when the create's bytes are no longer read.</summary>
    public async Task RestAsync() => await _writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context,
        CancellationToken cancellationToken) => _writing = WriteAsync(stream, cancellationToken);

    protected override bool TryComputeLength(out long length)
    {
        length = _pieces.Sum(static piece => (long)piece.Length);
        return true;
    }

    private async Task WriteAsync(Stream stream, CancellationToken cancellationToken)
    {
        foreach (var piece in _pieces)
        {
            await stream.WriteAsync(piece, cancellationToken);
        }
    }

    private static ReadOnlySpan<byte> Quote(string text) => JsonSerializer.SerializeToUtf8Bytes(text);

    private static byte[] Concat(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c,
        ReadOnlySpan<byte> d) => [.. a, .. b, .. c, .. d];
}
