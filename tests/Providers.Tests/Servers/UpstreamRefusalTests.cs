using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Providers.Servers;
using Evergrain.Suites.Upstream;

namespace Evergrain.Providers.Tests.Servers;

/// <summary>What clients are told where a model server answers with an error.</summary>
public sealed class UpstreamRefusalTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Theory]
    [InlineData(400, "invalid_prompt")]
    [InlineData(401, "server_error")]
    [InlineData(402, "insufficient_quota")]
    [InlineData(403, "server_error")]
    [InlineData(404, "invalid_prompt")]
    [InlineData(405, "server_error")]
    [InlineData(408, "server_error")]
    [InlineData(413, "invalid_prompt")]
    [InlineData(422, "invalid_prompt")]
    [InlineData(429, "rate_limit_exceeded")]
    [InlineData(500, "server_error")]
    [InlineData(502, "server_error")]
    [InlineData(503, "server_is_overloaded")]
    [InlineData(529, "server_is_overloaded")]
    [InlineData(302, "server_error")]
    [InlineData(204, "server_error")]
    public void Status_WithoutABody_HasItsCode(int status, string code) => Assert.Equal(code, Read(status, "").Code);

    [Theory]
    [InlineData("""{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}""")]
    [InlineData("""{"error":{"code":400,"message":"no","type":"invalid_request_error"}}""")]
    [InlineData("""{"error":"no"}""")]
    [InlineData("""{"error":"no","error_type":"validation"}""")]
    [InlineData("""{"object":"error","message":"no","type":"BadRequestError","param":null,"code":400}""")]
    [InlineData("""{"detail":"no"}""")]
    [InlineData("""{"detail":[{"loc":["body","model"],"msg":"no","type":"missing"}]}""")]
    [InlineData("""{"detail":{"error":{"message":"no"}}}""")]
    [InlineData("""[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]""")]
    [InlineData("""{"message":"no"}""")]
    [InlineData("data: {\"error\":{\"message\":\"no\"}}\n\ndata: [DONE]\n\n")]
    [InlineData("event: error\r\ndata:{\"error\":\"no\"}\r\n\r\n")]
    public void Message_InEachShape_ReachesTheClient(string body) =>
        Assert.Equal("The model server refused the request (400): no.", Read(400, body).Message);

    [Theory]
    [InlineData("")]
    [InlineData("<html>busy</html>")]
    [InlineData("{\"error\":{\"message\":\"cut")]
    [InlineData("{\"error\":null}")]
    [InlineData("{\"error\":{\"message\":7}}")]
    [InlineData("{\"error\":[]}")]
    [InlineData("{\"error\":\"\\ud800\"}")]
    [InlineData("7")]
    [InlineData("data: [DONE]\n\n")]
    public void Body_ThatSaysNothing_IsNotShown(string body) =>
        Assert.Equal("The model server failed (500).", Read(500, body).Message);

    [Fact]
    public void Quota_ThatIsUsedUp_KeepsItsCode()
    {
        const string body = """{"error":{"message":"You exceeded your current quota.","code":"insufficient_quota"}}""";

        Assert.Equal("insufficient_quota", Read(429, body).Code);
    }

    [Theory]
    [InlineData(401, "")]
    [InlineData(403, "")]
    [InlineData(400, ",\"code\":\"invalid_api_key\"")]
    [InlineData(400, ",\"type\":\"authentication_error\"")]
    [InlineData(500, ",\"code\":401")]
    public void Credentials_ThatAreWrong_AreNotRepeatedNorBlamedOnTheClient(int status, string more)
    {
        var fault = Read(status, "{\"error\":{\"message\":\"Incorrect API key provided: sk-secret\"" + more + "}}");

        Assert.Equal("server_error", fault.Code);
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Message_ThatIsLong_IsCutBetweenCharacters()
    {
        var message = Read(400, $$"""{"error":"{{new string('x', 499)}}😀 and more"}""").Message;

        Assert.EndsWith(new string('x', 499) + "…", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Retry-After", "7", 7.0)]
    [InlineData("Retry-After", "1.5", 1.5)]
    [InlineData("Retry-After", "Fri, 02 Jan 2026 03:04:35 GMT", 30.0)]
    [InlineData("Retry-After", "Fri, 02 Jan 2026 03:04:00 GMT", 0.0)]
    [InlineData("retry-after-ms", "250", 0.25)]
    [InlineData("Retry-After", "soon", null)]
    [InlineData("Retry-After", "-1", null)]
    [InlineData("Retry-After", "-Infinity", null)]
    [InlineData("retry-after-ms", "NaN", null)]
    [InlineData("Retry-After", "999999999", null)]
    [InlineData("Retry-After", "1e999", null)]
    public void RetryAfter_InEachForm_IsRead(string name, string value, double? seconds)
    {
        var fault = Read(429, "", (name, value));

        Assert.Equal(seconds, fault.RetryAfter?.TotalSeconds);
        Assert.Equal(seconds is not null, fault.ToEvent().Message!.EndsWith(
            string.Create(CultureInfo.InvariantCulture, $"Please try again in {seconds}s."), StringComparison.Ordinal));
    }

    [Fact]
    public void RetryAfter_InMilliseconds_IsTheMoreExact() => Assert.Equal(
        TimeSpan.FromMilliseconds(1_200), Read(429, "", ("Retry-After", "2"), ("retry-after-ms", "1200")).RetryAfter);

    [Fact]
    public async Task Call_RefusedByTheServer_EndsWithItsFaultAndLeavesNoBodyInTheLog()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            new UpstreamScript().Status(429).Header("Retry-After", "3").Text("""{"error":{"message":"slow down"}}"""),
            UpstreamScript.Answer(401, """{"error":{"message":"bad key sk-secret"}}"""),
            UpstreamScript.Answer(400, """{"error":{"message":"the secret is out"}}"""));
        using var fixture = ServerFixture.Over(upstream.Url);

        var limited = Assert.Single(await fixture.AskAsync());
        var unknown = Assert.Single(await fixture.AskAsync());
        var refused = Assert.Single(await fixture.AskAsync());

        Assert.Equal("rate_limit_exceeded", limited.Code);
        Assert.Equal("The model server takes no more requests for now: slow down. Please try again in 3s.",
            limited.Message);
        Assert.Equal("server_error", unknown.Code);
        Assert.Equal("invalid_prompt", refused.Code);
        Assert.Equal(2, fixture.Log.Lines.Count);
        Assert.Contains(fixture.Log.Lines, static line =>
            line.StartsWith("Error 120 Model server test", StringComparison.Ordinal));
        Assert.DoesNotContain(fixture.Log.Lines, static line => line.Contains("secret", StringComparison.Ordinal) ||
            line.Contains("slow", StringComparison.Ordinal));
        Assert.Equal(1, fixture.Count("evergrain.calls.ended", "test rate_limited"));
        Assert.Equal(2, fixture.Count("evergrain.calls.ended", "test refused"));
    }

    [Fact]
    public async Task ErrorBody_ThatIsHuge_IsReadUpToItsBound()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(
            UpstreamScript.Answer(500, $$"""{"error":"{{new string('x', 1 << 20)}}"}"""));
        using var fixture = ServerFixture.Over(upstream.Url);

        Assert.Equal("The model server failed (500).", Assert.Single(await fixture.AskAsync()).Message);
    }

    private static UpstreamFault Read(int status, string body, params (string Name, string Value)[] headers)
    {
        using var response = new HttpResponseMessage((HttpStatusCode)status);
        foreach (var (name, value) in headers)
        {
            response.Headers.TryAddWithoutValidation(name, value);
        }

        return UpstreamRefusal.Read(response, Encoding.UTF8.GetBytes(body), Now);
    }
}
