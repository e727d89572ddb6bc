using System.Text;
using System.Text.Json;
using Evergrain.Frontend.Http;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Http;

public sealed class FailedTurnTests
{
    [Theory]
    [InlineData("rate_limit_exceeded", "Slow. Please try again in 1.5s.", 429, 1.5)]
    [InlineData("rate_limit_exceeded", "Slow.", 429, null)]
    [InlineData("insufficient_quota", "No.", 429, null)]
    [InlineData("server_is_overloaded", "Busy. Please try again in 20s.", 503, 20.0)]
    [InlineData("invalid_prompt", "No.", 400, null)]
    [InlineData("context_length_exceeded", "No.", 400, null)]
    [InlineData("image_too_large", "No.", 400, null)]
    [InlineData("server_error", "No.", 500, null)]
    [InlineData("a_code_of_tomorrow", "No.", 500, null)]
    public void Read_FailedWithoutOutput_IsAnErrorByItsCode(string code, string message, int status, double? seconds)
    {
        var answer = Read(code, message, "[]");

        Assert.Equal((status, seconds), (answer?.Status, answer?.RetryAfter?.TotalSeconds));
        var body = JsonDocument.Parse(answer!.Value.Body).RootElement;
        Assert.Equal((code, null), (body.CodeOf(), body.ParamOf()));
        Assert.Equal(message, body.GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public void Read_FailedWithOutput_IsAnsweredAsItIs() => Assert.Null(Read("server_error", "No.", "[{}]"));

    [Theory]
    [InlineData("completed")]
    [InlineData("incomplete")]
    [InlineData("cancelled")]
    [InlineData("in_progress")]
    public void Read_NotFailed_IsAnsweredAsItIs(string status) => Assert.Null(FailedTurn.Read(
        Encoding.UTF8.GetBytes($$"""{"id":"x","status":"{{status}}","error":null,"output":[]}""")));

    private static ErrorAnswer? Read(string code, string message, string output) =>
        FailedTurn.Read(JsonSerializer.SerializeToUtf8Bytes(new
        {
            id = "resp_1",
            status = "failed",
            error = new { code, message },
            tools = new[] { new { status = "completed", output = "x" } },
            output = JsonDocument.Parse(output).RootElement,
        }));
}
