using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Tests.Turns;

public sealed class RetryHintTests
{
    [Theory]
    [InlineData(0.7)]
    [InlineData(20)]
    [InlineData(0)]
    public void Append_Delay_IsReadBack(double seconds) => Assert.Equal(
        TimeSpan.FromSeconds(seconds), RetryHint.Read(RetryHint.Append("Busy.", TimeSpan.FromSeconds(seconds))));

    [Fact]
    public void Append_NoDelay_ChangesNothing() => Assert.Equal("Busy.", RetryHint.Append("Busy.", null));

    [Theory]
    [InlineData("Busy.")]
    [InlineData("Please try again in s.")]
    [InlineData("Please try again in 99999999s.")]
    [InlineData("Please try again in -1s.")]
    public void Read_NoDelay_IsNull(string message) => Assert.Null(RetryHint.Read(message));
}
