using System.IO.Compression;
using System.Text;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Http;

/// <summary>Request bodies: their types, encodings and bounds.</summary>
public sealed class BodyTests
{
    private static readonly byte[] Create = Encoding.UTF8.GetBytes(Creates.Of("""[{"say":"hello"}]"""));

    private readonly ScriptedConversations _conversations = new();

    [Theory]
    [InlineData("application/json", 200)]
    [InlineData("Application/JSON; charset=UTF-8", 200)]
    [InlineData("application/json; charset=\"utf-8\"", 200)]
    [InlineData(null, 200)]
    [InlineData("application/json; charset=utf-16", 415)]
    [InlineData("text/plain", 415)]
    [InlineData("application/x-www-form-urlencoded", 415)]
    [InlineData("application/jsonl", 415)]
    [InlineData("nonsense", 415)]
    public async Task Type_OfTheBody_MustBeJson(string? type, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var answer = await PostAsync(http, Create, null, type);

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("identity", 200)]
    [InlineData("gzip", 200)]
    [InlineData("GZip", 200)]
    [InlineData("x-gzip", 200)]
    [InlineData("zstd", 200)]
    [InlineData("deflate", 415)]
    [InlineData("br", 415)]
    [InlineData("gzip, gzip", 415)]
    [InlineData("identity, gzip", 415)]
    public async Task Encoding_OfTheBody_IsUnpackedIfTaken(string encoding, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var answer = await PostAsync(http, Pack(Create, encoding), encoding);

        Assert.Equal(status, (int)answer.StatusCode);
        answer.Headers.TryGetValues("Accept-Encoding", out var accepted);
        Assert.Equal(status == 415 ? "gzip, zstd" : string.Empty, string.Join(", ", accepted ?? []));
    }

    [Theory]
    [InlineData("")]
    [InlineData("gzip")]
    public async Task Body_ThatIsNotUtf8_IsAnError(string encoding)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        byte[] create = [.. "{\"model\":\"demo\",\"input\":\"x\",\"user\":\""u8, 0xff, .. "\"}"u8];

        using var answer = await PostAsync(http, Pack(create, encoding), encoding.Length == 0 ? null : encoding);

        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Contains("The body is not UTF-8.", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gzip", 0)]
    [InlineData("gzip", 5)]
    [InlineData("gzip", -1)]
    [InlineData("gzip", -8)]
    [InlineData("zstd", 0)]
    [InlineData("zstd", 5)]
    [InlineData("zstd", -1)]
    public async Task Packed_CutOff_IsAnError(string encoding, int length)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        var packed = Pack(Create, encoding);

        using var answer = await PostAsync(http, length < 0 ? packed[..^-length] : packed[..length], encoding);

        Assert.Equal(400, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task Packed_Broken_IsAnError(string encoding)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var plain = await PostAsync(http, Create, encoding);
        var flipped = Pack(Create, encoding);
        flipped[0] ^= 1;
        using var broken = await PostAsync(http, flipped, encoding);

        Assert.Equal((400, 400), ((int)plain.StatusCode, (int)broken.StatusCode));
    }

    [Theory]
    [InlineData("gzip", 8192, 200)]
    [InlineData("gzip", 8193, 413)]
    [InlineData("gzip", 50_000_000, 413)]
    [InlineData("zstd", 8000, 200)]
    [InlineData("zstd", 8193, 413)]
    [InlineData("zstd", 50_000_000, 413)]
    [InlineData("identity", 8192, 200)]
    [InlineData("identity", 8193, 413)]
    public async Task Unpacked_TooLong_IsRefused(string encoding, int length, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations, ("BodyBytesMax", "8192"));
        using var http = HttpTurns.Connect(server);

        using var answer = await PostAsync(http, Pack(OfLength(length), encoding), encoding);

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData(8192, 200)]
    [InlineData(8193, 413)]
    public async Task Chunked_TooLong_IsRefused(int length, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations, ("BodyBytesMax", "8192"));
        using var http = HttpTurns.Connect(server);
        http.DefaultRequestHeaders.TransferEncodingChunked = true;

        using var answer = await PostAsync(http, OfLength(length), null);

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Body_OfSixtyFourMebibytes_IsTakenByDefault()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var whole = await PostAsync(http, OfLength(64 << 20), null);
        using var longer = await PostAsync(http, OfLength((64 << 20) + 1), null);

        Assert.Equal((200, 413), ((int)whole.StatusCode, (int)longer.StatusCode));
    }

    [Fact]
    public async Task Body_Announced_IsWaitedForWithContinue()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var raw = await RawSocket.ConnectAsync(server);

        await raw.PostAsync("", "Expect: 100-continue\r\n", Create.Length);
        var first = await raw.ReadHeadAsync();
        await raw.SendAsync(Create);
        var second = await raw.ReadHeadAsync();

        Assert.StartsWith("HTTP/1.1 100 ", first, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", second, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_AnnouncedTooLong_IsRefusedUnread()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("BodyBytesMax", "8192"));
        using var raw = await RawSocket.ConnectAsync(server);

        await raw.PostAsync("", "Expect: 100-continue\r\n", 8193);

        Assert.StartsWith("HTTP/1.1 413 ", await raw.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_ThatDoesNotEnd_IsRefusedInTime()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("BodyTimeout", "00:00:00.2"));
        using var raw = await RawSocket.ConnectAsync(server);

        await raw.PostAsync("{", length: 100);

        Assert.StartsWith("HTTP/1.1 400 ", await raw.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_GoneInTheMiddleOfItsBody_IsNoFault()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using (var raw = await RawSocket.ConnectAsync(server))
        {
            await raw.PostAsync("{", "Expect: 100-continue\r\n", 100);
            await raw.ReadHeadAsync();
        }

        // The server is stopped, and its log looked at, behind it.
        using var http = HttpTurns.Connect(server);
        Assert.Equal("completed", (await http.AnswerAsync(Encoding.UTF8.GetString(Create))).Status);
    }

    [Fact]
    public async Task Packed_OfManyFrames_AreOneBody()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        foreach (var encoding in (string[])["gzip", "zstd"])
        {
            byte[] two = [.. Pack(Create[..20], encoding), .. Pack(Create[20..], encoding)];

            using var answer = await PostAsync(http, two, encoding);

            Assert.Equal(200, (int)answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("", "", 200)]
    [InlineData("empty", "empty", 200)]
    [InlineData("skippable", "skippable", 200)]
    [InlineData("", "header", 400)]
    [InlineData("", "garbage", 400)]
    [InlineData("garbage", "", 400)]
    public async Task Zstandard_BesideTheBody_MustBeFrames(string before, string after, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        byte[] body = [.. ZstandardFrames.Of(before), .. ZstandardFrames.Pack(Create), .. ZstandardFrames.Of(after)];

        using var answer = await PostAsync(http, body, "zstd");

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Theory]
    [InlineData(8, 200)]
    [InlineData(16, 400)]
    [InlineData(128, 400)]
    public async Task Zstandard_WithALargeWindow_IsRefused(int mebibytes, int status)
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        using var answer = await PostAsync(http, ZstandardFrames.Pack(Create, mebibytes), "zstd");

        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task Zstandard_OfItsOwnProgram_IsUnpackedAndItsSumChecked()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);
        var body = ZstandardFrames.OfItsOwnProgram;

        using var whole = await PostAsync(http, body, "zstd");
        body[^1] ^= 1;
        using var broken = await PostAsync(http, body, "zstd");

        Assert.Equal((200, 400), ((int)whole.StatusCode, (int)broken.StatusCode));
    }

    private static byte[] OfLength(int length)
    {
        var empty = Encoding.UTF8.GetByteCount(Creates.Of("""[{"say":"x"}]""", ",\"x\":\"\""));
        return Encoding.UTF8.GetBytes(
            Creates.Of("""[{"say":"x"}]""", $",\"x\":\"{new string('x', length - empty)}\""));
    }

    private static byte[] Pack(byte[] bytes, string encoding)
    {
        if (encoding == "zstd")
        {
            return ZstandardFrames.Pack(bytes);
        }

        if (!encoding.EndsWith("gzip", StringComparison.OrdinalIgnoreCase))
        {
            return bytes;
        }

        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, byte[] body, string? encoding,
        string? type = "application/json")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/responses");
        request.Content = new ByteArrayContent(body);
        if (type is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        if (encoding is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        }

        return await http.SendAsync(request);
    }
}
